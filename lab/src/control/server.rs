//! The control socket: who may connect, and when it is served.
//!
//! The machine has one processor and driver code runs only on lab threads. So there is no thread here: the lab thread
//! that keeps the run going calls [`Server::poll`] every few milliseconds, which never waits for a peer. The frames are
//! described in `igbcxctl::frame`.

use super::Target;
use super::connection::Connection;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Connections at a time; who comes beyond is turned away.
const CONNECTIONS: usize = 64;

/// A listening control socket. Dropping it closes every handle that was opened through it, tells the waiting and removes
/// the socket.
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
    connections: Vec<Connection>,
}

impl Server {
    /// Listens at `path`. A socket that a dead process left there is replaced.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::AddrInUse`] if another process listens there or it is no socket.
    pub fn listen(path: &Path) -> io::Result<Server> {
        let listener = UnixListener::bind(path).or_else(|e| {
            // Connecting to a file that is no socket is refused too.
            let socket = || std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
            let refused = || UnixStream::connect(path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
            if e.kind() != io::ErrorKind::AddrInUse || !socket() || !refused() {
                return Err(e);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        })?;
        listener.set_nonblocking(true)?;
        Ok(Server { path: path.to_owned(), listener, connections: Vec::new() })
    }

    /// Serves what has come: new connections, requests, completions. At PASSIVE_LEVEL, by the baton holder.
    pub fn poll(&mut self, target: &dyn Target) {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.connections.len() < CONNECTIONS
                && let Ok(connection) = Connection::new(stream)
            {
                self.connections.push(connection);
            }
        }
        // A connection that ends closes its handle here.
        self.connections.retain_mut(|connection| connection.serve(target).is_ok());
    }

    /// Connections now.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.iter_mut().for_each(Connection::end);
        // Nothing else can be done about a socket that stays.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
