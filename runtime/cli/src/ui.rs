//! What a person is told while a command runs: on stderr, and animated only on a terminal.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use meterbox_sandbox::{LogLevel, Observer};

use crate::failure::Failure;

/// How often what is animated moves.
const TICK: Duration = Duration::from_millis(100);

/// Says something on stderr. That nobody hears it, because the reader is gone or the disk is full, ends nothing.
fn tell(text: std::fmt::Arguments<'_>) {
    let _ = stderr().write_fmt(text);
}

/// Tells.
pub struct Ui {
    is_terminal: bool,
}

impl Ui {
    /// Looks whether stderr is a terminal.
    pub fn new() -> Ui {
        Ui {
            is_terminal: stderr().is_terminal(),
        }
    }

    /// Says one line.
    pub fn say(&self, line: &str) {
        tell(format_args!("{line}\n"));
    }

    /// Says why a command failed: `error`, `caused by`, `hint`.
    pub fn failure(&self, failure: &Failure) {
        let mut chain = failure.chain.iter();
        if let Some(message) = chain.next() {
            tell(format_args!("error: {}\n", printable(message)));
        }
        for cause in chain {
            tell(format_args!("caused by: {}\n", printable(cause)));
        }
        if let Some(hint) = &failure.hint {
            tell(format_args!("hint: {}\n", printable(hint)));
        }
    }

    /// Something that takes a while.
    pub fn working(&self, what: &str) -> Working {
        if !self.is_terminal {
            return Working { bar: None };
        }
        let bar = ProgressBar::new_spinner().with_message(what.to_string());
        bar.enable_steady_tick(TICK);
        Working { bar: Some(bar) }
    }
}

impl Ui {
    /// Something that is done so many times.
    pub fn counting(&self, what: &str, count: usize) -> Working {
        if !self.is_terminal {
            return Working { bar: None };
        }
        let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Working {
            bar: Some(bar.with_message(what.to_string())),
        }
    }
}

/// Prints a result on stdout. A reader that has gone away has had enough, which is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::writing(Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

/// A guest's words could steer a terminal: control characters other than new lines are shown, not sent, and so
/// are those that change the direction of what is around them (Unicode Standard Annex 9, table 4) or part lines.
fn printable(text: &str) -> String {
    let is_of_direction = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' || is_of_direction(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

impl Working {
    /// One more of what is counted is done.
    pub fn one(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }
}

/// Shown while something takes a while.
pub struct Working {
    bar: Option<ProgressBar>,
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows what a guest says.
pub struct Watcher {
    bar: ProgressBar,
    passes_streams: bool,
    log_level: LogLevel,
}

impl Watcher {
    /// For a command, whose streams pass through, or for a job, which has a progress bar.
    pub fn new(ui: &Ui, passes_streams: bool) -> Watcher {
        let bar = if ui.is_terminal && !passes_streams {
            ProgressBar::new_spinner().with_message("compiling and running")
        } else {
            ProgressBar::hidden()
        };
        bar.enable_steady_tick(TICK);
        Watcher {
            bar,
            passes_streams,
            log_level: LogLevel::Info,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Watcher {
    fn log(&self, level: LogLevel, message: &str) {
        if level >= self.log_level {
            let level = match level {
                LogLevel::Trace => "trace",
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            self.bar
                .suspend(|| tell(format_args!("job {level}: {}\n", printable(message))));
        }
    }

    fn progress(&self, done: u64, total: u64, message: &str) {
        if total > 0 && self.bar.length().is_none() {
            // Now that there is a length, a bar says more than a spinner.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len}")
            {
                self.bar.set_style(style);
            }
        }
        if total > 0 {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(printable(message));
    }

    fn refused(&self, reason: &str) {
        self.bar
            .suspend(|| tell(format_args!("note: {}\n", printable(reason))));
    }

    fn stdout(&self, bytes: &[u8]) {
        if self.passes_streams {
            // A reader that has gone away ends nothing: the job goes on, and its output is digested.
            let _ = stdout().write_all(bytes).and_then(|()| stdout().flush());
        } else {
            self.bar.suspend(|| {
                tell(format_args!(
                    "{}",
                    printable(&String::from_utf8_lossy(bytes))
                ))
            });
        }
    }

    fn stderr(&self, bytes: &[u8]) {
        if self.passes_streams {
            let _ = stderr().write_all(bytes);
        } else {
            self.bar.suspend(|| {
                tell(format_args!(
                    "{}",
                    printable(&String::from_utf8_lossy(bytes))
                ))
            });
        }
    }
}
