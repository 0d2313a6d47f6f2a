//! Compiles the workspace with every target and counts what its lints say. Knows no lint.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Has this cargo compile every target, with lints on the way. What they say is printed.
///
/// # Errors
/// What is wrong, if something cannot be compiled or a lint says anything.
pub fn compile(build: &mut Command) -> Result<(), String> {
    let format = match std::io::stderr().is_terminal() {
        true => "json-diagnostic-rendered-ansi",
        false => "json",
    };
    let mut cargo = build
        .args(["--all-targets", "--message-format", format])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let mut said = BTreeSet::new();
    if let Some(messages) = cargo.stdout.take() {
        for line in BufReader::new(messages).lines() {
            let line = line.map_err(|error| format!("cargo cannot be heard: {error}"))?;
            // A line that is no message is none of a compiler's.
            if let Ok(message) = serde_json::from_str(&line)
                && let Some(lint) = lint(&message)
                && said.insert(lint.to_owned())
            {
                eprint!("{lint}");
            }
        }
    }
    let status = cargo
        .wait()
        .map_err(|error| format!("cargo cannot be waited for: {error}"))?;
    match said.len() {
        0 if status.success() => Ok(()),
        0 => Err(status.to_string()),
        count => Err(format!("{count} warnings or errors, see above")),
    }
}

/// What a message of cargo's has a compiler say, if it is more than how many it has said.
fn lint(message: &Value) -> Option<&str> {
    let said = &message["message"];
    let text = said["message"].as_str().unwrap_or_default();
    let is_count = text.ends_with(" emitted") || text.starts_with("aborting due to ");
    let is_lint = message["reason"] == "compiler-message"
        && matches!(said["level"].as_str(), Some("warning" | "error"))
        && !is_count;
    said["rendered"].as_str().filter(|_| is_lint)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::compile;

    /// What becomes of a cargo that says this and ends so.
    fn become_of(says: &str, ends: u8) -> Result<(), String> {
        let script = format!("cat <<'EOF'\n{says}\nEOF\nexit {ends}");
        compile(Command::new("sh").args(["-c", &script]))
    }

    fn said(level: &str, rendered: &str) -> String {
        let message =
            serde_json::json!({"level": level, "message": rendered, "rendered": rendered});
        serde_json::json!({"reason": "compiler-message", "message": message}).to_string()
    }

    #[test]
    fn whatever_lints_say_of_the_code_is_counted_once() {
        let built = r#"{"reason": "build-finished", "success": true}"#;
        assert_eq!(become_of(built, 0), Ok(()));
        assert_eq!(become_of("not a message", 0), Ok(()));
        assert_eq!(become_of(&said("note", "a\n"), 0), Ok(()));
        assert_eq!(become_of(built, 101), Err("exit status: 101".into()));

        let once = said("warning", "a\n");
        let count = |says: &str, ends| become_of(says, ends).unwrap_err();
        assert_eq!(count(&once, 0), "1 warnings or errors, see above");
        // A library and its tests are two targets.
        assert_eq!(
            count(
                &format!("{once}\n{once}\n{}", said("warning", "1 warning emitted")),
                0
            ),
            "1 warnings or errors, see above"
        );
        let error = said("error", "b\n");
        let ends = said("error", "aborting due to 2 previous errors");
        let two = format!("{once}\n{error}\n{ends}");
        assert_eq!(count(&two, 101), "2 warnings or errors, see above");
    }
}
