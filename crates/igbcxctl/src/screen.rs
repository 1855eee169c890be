//! The screen of `--watch`: in place on a terminal, one text after another elsewhere.

use console::Term;
use std::io;

/// Standard output as a screen.
pub(crate) struct Screen {
    terminal: Term,
    /// Lines of the last picture.
    lines: usize,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { terminal: Term::stdout(), lines: 0 }
    }

    /// Shows `text` in place of the last one.
    pub(crate) fn show(&mut self, text: &str) -> io::Result<()> {
        if !self.terminal.is_term() {
            return self.terminal.write_line(text);
        }
        let (height, width) = self.terminal.size();
        // What scrolled out at the top or was wrapped would not be cleared.
        let picture = fitting(text, height.into(), width.into());
        self.terminal.clear_last_lines(self.lines)?;
        self.lines = picture.len();
        self.terminal.write_line(&picture.join("\n"))
    }
}

/// The part of `text` that a terminal of this size can show, with the cursor below it. Tables have characters of width 1.
fn fitting(text: &str, height: usize, width: usize) -> Vec<String> {
    let room = height.saturating_sub(1).max(1);
    let mut lines: Vec<String> = text.lines().map(|line| line.chars().take(width).collect()).collect();
    if lines.len() > room {
        lines.truncate(room - 1);
        lines.push("... (the terminal is too low)".chars().take(width).collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_fits_the_terminal() {
        assert_eq!(fitting("a\nb\n", 3, 80), ["a", "b"]);
        assert_eq!(fitting("a\nb\nc\n", 3, 80), ["a", "... (the terminal is too low)"]);
        assert_eq!(fitting("│äbcd│\nb\nc\n", 3, 5), ["│äbcd", "... ("]);
        assert_eq!(fitting("a\nb", 0, 0), [""]);
    }
}
