//! What a person sees while a run works: a bar on a terminal, a line per stage elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// The present stage of a run.
pub struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// Shows stages on standard error.
    pub fn new() -> Progress {
        Progress { bar: None, quiet: false }
    }

    /// Shows nothing.
    pub fn hidden() -> Progress {
        Progress { bar: None, quiet: true }
    }

    /// A stage of `total` steps begins.
    pub fn stage(&mut self, name: &str, total: u64) {
        self.begin(name, total, "{msg:<10} [{bar:40}] {pos}/{len} {elapsed}");
    }

    /// A stage of `total` bytes begins.
    pub fn bytes(&mut self, name: &str, total: u64) {
        self.begin(name, total, "{msg:<10} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}");
    }

    /// The stage has come to `position`.
    pub fn set(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// The stage is over; its bar stays where it came to.
    pub fn done(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }

    fn begin(&mut self, name: &str, total: u64, template: &str) {
        self.done();
        if self.quiet {
            return;
        }
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            // A template is a constant of this file; a faulty one falls back to the crate's own.
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(name.to_owned());
            self.bar = Some(bar);
        } else {
            eprintln!("{name} ...");
        }
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new()
    }
}
