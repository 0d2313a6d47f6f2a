//! Owns the look from outside at whether a worker's report is true. Never asks the worker.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::confinement::CHANNEL_DESCRIPTOR;
use crate::layer::Layer;
use crate::report::{Report, Standing};

/// What the kernel says of one layer of another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It holds, as reported.
    Confirmed,
    /// It was reported, and does not hold.
    Contradicted {
        /// What was found instead.
        found: String,
    },
    /// It was reported, and this process cannot see whether it holds.
    Unseen {
        /// Why not.
        why: String,
    },
    /// It was not reported to hold.
    NotClaimed,
}

/// What was found of each layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    findings: Vec<(Layer, Finding)>,
}

impl Verification {
    /// Every layer with what was found of it, in order.
    pub fn findings(&self) -> &[(Layer, Finding)] {
        &self.findings
    }

    /// The layers that were reported and do not hold.
    pub fn contradicted(&self) -> impl Iterator<Item = Layer> {
        let broken = |finding: &Finding| matches!(finding, Finding::Contradicted { .. });
        self.findings
            .iter()
            .filter(move |(_, finding)| broken(finding))
            .map(|(layer, _)| *layer)
    }
}

/// Compares the report of a living worker with what `/proc` says of its process.
///
/// An ordinary user sees less of an undumpable process than root does: see [`Finding::Unseen`].
pub fn verify(pid: u32, report: &Report) -> Verification {
    let observer = Observer {
        process: PathBuf::from(format!("/proc/{pid}")),
    };
    let status = observer.status();
    let findings = report.standings().map(|(layer, standing)| {
        let finding = match (standing, &status) {
            (Standing::SwitchedOff | Standing::Refused { .. }, _) => Finding::NotClaimed,
            (Standing::Active, Err(error)) => unseen(error),
            (Standing::Active, Ok(status)) => observer
                .look(layer, status)
                .unwrap_or_else(|error| unseen(&error)),
        };
        (layer, finding)
    });
    Verification {
        findings: findings.collect(),
    }
}

/// One process, as the kernel shows it.
struct Observer {
    process: PathBuf,
}

type Status = BTreeMap<String, String>;

impl Observer {
    fn look(&self, layer: Layer, status: &Status) -> io::Result<Finding> {
        match layer {
            Layer::NoNewPrivileges => Ok(expect(status, "NoNewPrivs", "1")),
            Layer::Capabilities => Ok(["CapInh", "CapPrm", "CapEff", "CapAmb"]
                .into_iter()
                .map(|set| expect(status, set, NO_CAPABILITIES))
                .find(|finding| *finding != Finding::Confirmed)
                .unwrap_or(Finding::Confirmed)),
            Layer::CapabilityBound => Ok(expect(status, "CapBnd", NO_CAPABILITIES)),
            Layer::Seccomp => Ok(expect(status, "Seccomp", "2")),
            Layer::OrdinaryUser => {
                let users = field(status, "Uid");
                let root = users.split_whitespace().any(|user| user == "0");
                Ok(judge(!root, || format!("its users are {users}")))
            }
            Layer::PidNamespace => {
                // As many ids as there are namespaces, from here inwards.
                let ids = field(status, "NSpid");
                Ok(judge(ids.split_whitespace().count() > 1, || {
                    format!("its ids are {ids}")
                }))
            }
            Layer::ResourceLimits => self.limited("Max core file size"),
            Layer::ThreadLimit => self.limited("Max processes"),
            Layer::UserNamespace => self.apart("user"),
            Layer::MountNamespace => self.apart("mnt"),
            Layer::NetworkNamespace => self.apart("net"),
            Layer::IpcNamespace => self.apart("ipc"),
            Layer::UtsNamespace => self.apart("uts"),
            Layer::CgroupNamespace => self.apart("cgroup"),
            Layer::EmptyEnvironment => {
                let bytes = fs::read(self.process.join("environ"))?.len();
                Ok(judge(bytes == 0, || {
                    format!("{bytes} bytes of environment")
                }))
            }
            Layer::ClosedDescriptors => self.descriptors(),
            Layer::Undumpable => self.undumpable(status),
            Layer::Landlock | Layer::DiesWithParent => Ok(Finding::Unseen {
                why: "the kernel shows it to nobody".to_owned(),
            }),
        }
    }

    fn status(&self) -> io::Result<Status> {
        let text = fs::read_to_string(self.process.join("status"))?;
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Ok(fields
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect())
    }

    fn apart(&self, namespace: &str) -> io::Result<Finding> {
        let its = fs::read_link(self.process.join("ns").join(namespace))?;
        let ours = fs::read_link(Path::new("/proc/self/ns").join(namespace))?;
        Ok(judge(its != ours, || {
            "it is in the namespace of its parent".to_owned()
        }))
    }

    /// Whether both columns of a limit say something other than `unlimited`, and of core dumps nothing.
    fn limited(&self, name: &str) -> io::Result<Finding> {
        let text = fs::read_to_string(self.process.join("limits"))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default();
        let soft = line.split_whitespace().next().unwrap_or("unlimited");
        let hard = line.split_whitespace().nth(1).unwrap_or("unlimited");
        let none = name != "Max core file size" || (soft == "0" && hard == "0");
        let bounded = soft != "unlimited" && hard != "unlimited";
        Ok(judge(none && bounded, || format!("{name}: {soft}, {hard}")))
    }

    /// Standard streams and one socket, under as many numbers as the worker likes: what it duplicates it
    /// has already.
    fn descriptors(&self) -> io::Result<Finding> {
        let descriptors = self.process.join("fd");
        let target = |number: &Path| -> io::Result<String> {
            Ok(fs::read_link(number)?.to_string_lossy().into_owned())
        };
        // One that has none has no duplicates of it either.
        let channel = target(&descriptors.join(CHANNEL_DESCRIPTOR.to_string())).unwrap_or_default();
        let mut others = Vec::new();
        for entry in fs::read_dir(&descriptors)? {
            let entry = entry?;
            let number = entry.file_name().to_string_lossy().into_owned();
            let target = match target(&entry.path()) {
                // It was closed between the two looks.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                target => target?,
            };
            let expected = match number.as_str() {
                "0" | "1" => target == "/dev/null",
                // Or what the settings let it inherit.
                "2" => true,
                _ => target == channel && target.starts_with("socket:"),
            };
            if !expected {
                others.push(format!("{number} is {target}"));
            }
        }
        Ok(judge(others.is_empty(), || others.join(", ")))
    }

    /// The kernel gives the files of an undumpable process to root, whoever its user is.
    fn undumpable(&self, status: &Status) -> io::Result<Finding> {
        if field(status, "Uid")
            .split_whitespace()
            .any(|user| user == "0")
        {
            let why = "its user is root, who owns the files of any process".to_owned();
            return Ok(Finding::Unseen { why });
        }
        let owner = fs::metadata(self.process.join("environ"))?.uid();
        let own = field(status, "Uid").split_whitespace().next() == Some(&owner.to_string());
        Ok(judge(!own, || {
            "its files belong to its own user".to_owned()
        }))
    }
}

const NO_CAPABILITIES: &str = "0000000000000000";

fn field<'a>(status: &'a Status, name: &str) -> &'a str {
    status.get(name).map_or("", String::as_str)
}

fn expect(status: &Status, name: &str, expected: &str) -> Finding {
    let found = field(status, name);
    judge(found == expected, || format!("{name} is {found:?}"))
}

fn judge(holds: bool, found: impl FnOnce() -> String) -> Finding {
    if holds {
        Finding::Confirmed
    } else {
        Finding::Contradicted { found: found() }
    }
}

fn unseen(error: &io::Error) -> Finding {
    Finding::Unseen {
        why: error.to_string(),
    }
}
