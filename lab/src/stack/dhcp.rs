//! The DHCP client.

use super::{Port, Stack, StackError};
use smoltcp::socket::dhcpv4::{Event, Socket};
use std::net::Ipv4Addr;
use std::time::Duration;

/// What a DHCP server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The station's address.
    pub address: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
    /// Default gateway.
    pub router: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
    /// The server.
    pub server: Ipv4Addr,
}

impl<P: Port> Stack<P> {
    /// Takes a lease and configures the stack with it; it is renewed while the stack runs.
    ///
    /// # Errors
    /// [`StackError::Timeout`] after `limit`.
    pub fn dhcp(&mut self, limit: Duration) -> Result<Lease, StackError> {
        if self.dhcp.is_none() {
            self.dhcp = Some(self.sockets.add(Socket::new()));
        }
        self.run(limit, |stack| stack.lease.clone()).ok_or(StackError::Timeout { what: "DHCP lease", after: limit })
    }

    pub(super) fn take_dhcp_events(&mut self) {
        let Some(handle) = self.dhcp else { return };
        match self.sockets.get_mut::<Socket>(handle).poll() {
            Some(Event::Configured(config)) => {
                let lease = Lease {
                    address: config.address.address(),
                    prefix: config.address.prefix_len(),
                    router: config.router,
                    dns: config.dns_servers.to_vec(),
                    server: config.server.address,
                };
                self.set_address(lease.address, lease.prefix, lease.router);
                self.lease = Some(lease);
            }
            Some(Event::Deconfigured) => {
                self.iface.update_ip_addrs(|list| list.clear());
                self.iface.routes_mut().remove_default_ipv4_route();
                self.lease = None;
            }
            None => {}
        }
    }
}
