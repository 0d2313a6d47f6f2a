//! Compiles the workspace with every target and counts what its lints say. Knows no lint.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Compiles what tests will run, with lints on the way, so that neither is done twice. What they say is printed.
///
/// # Errors
/// What is wrong, if something cannot be compiled or a lint says anything.
pub fn compile(tests: &mut Command) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("cargo cannot be run: {error}");
    let mut cargo = tests
        .args(["--no-run", "--all-targets"])
        .args(["--message-format", "json-diagnostic-rendered-ansi"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(broken)?;
    let mut said = BTreeSet::new();
    if let Some(messages) = cargo.stdout.take() {
        for line in BufReader::new(messages).lines() {
            // What is no message is said by none of the compilers.
            if let Ok(message) = serde_json::from_str(&line.map_err(broken)?)
                && let Some(lint) = lint(&message)
                && said.insert(lint.to_owned())
            {
                eprint!("{lint}");
            }
        }
    }
    let status = cargo.wait().map_err(broken)?;
    match said.len() {
        0 if status.success() => Ok(()),
        0 => Err(status.to_string()),
        count => Err(format!("{count} of them, see above")),
    }
}

/// What a message of cargo's has a compiler say, if it is of something in the code.
fn lint(message: &Value) -> Option<&str> {
    let said = &message["message"];
    let is_lint = message["reason"] == "compiler-message"
        && matches!(said["level"].as_str(), Some("warning" | "error"));
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
        let message = serde_json::json!({"level": level, "rendered": rendered});
        serde_json::json!({"reason": "compiler-message", "message": message}).to_string()
    }

    #[test]
    fn nothing_but_silence_passes() {
        let built = r#"{"reason": "build-finished", "success": true}"#;
        assert_eq!(become_of(built, 0), Ok(()));
        assert_eq!(become_of("not a message", 0), Ok(()));
        assert_eq!(become_of(&said("note", "a\n"), 0), Ok(()));
        assert_eq!(become_of(built, 101), Err("exit status: 101".into()));

        let once = said("warning", "a\n");
        let count = |says: &str, ends| become_of(says, ends).unwrap_err();
        assert_eq!(count(&once, 0), "1 of them, see above");
        // A library and its tests are two targets.
        assert_eq!(count(&format!("{once}\n{once}"), 0), "1 of them, see above");
        let two = format!("{once}\n{}", said("error", "b\n"));
        assert_eq!(count(&two, 101), "2 of them, see above");
    }
}
