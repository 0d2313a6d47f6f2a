//! Owns the class of processes whose results on a processor are the same to the bit: what it takes to
//! be in it, and which models are. Changes nothing about the process.
//!
//! tract chooses its kernels by the processor's instruction sets and by its maker. In the class it sees
//! AVX2 and FMA and nothing newer, and takes every maker for one; sizes of caches only change the order
//! in which parts of an output are done, never the order of a sum. What it leaves to the system's
//! mathematical functions depends on the version of the system's library, so operators that end there
//! are outside the class. Golden vectors, computed anew by each process that claims the class, catch
//! what this list of conditions does not.

mod golden;
mod obstacle;

pub(crate) use obstacle::obstacle;

/// Variables that a process in the class is started with, before anything of it runs.
pub const BIT_EXACT_ENVIRONMENT: [(&str, &str); 2] = [
    (
        "TRACT_CPU_ISA",
        "-avx512f,-avx512vnni,-avx512fp16,-avxvnni,-amx-int8,-amx-bf16",
    ),
    ("TRACT_X86_KIND", "intel"),
];

/// Why this process is not in the class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBitExact {
    /// The class is one of x86-64.
    #[error("the processor is not an x86-64 one")]
    Architecture,
    /// An instruction set is missing.
    #[error("the processor has no {feature}")]
    Feature {
        /// Its name.
        feature: &'static str,
    },
    /// The process was started otherwise.
    #[error("`{name}` was not set to `{expected}` when the process started")]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value in the class.
        expected: &'static str,
    },
    /// A golden vector comes out otherwise.
    #[error("golden vector `{name}` comes out as {actual}, not {expected}")]
    Golden {
        /// The vector.
        name: &'static str,
        /// The digest that every process of the class computes.
        expected: &'static str,
        /// The digest that this one computes, or why it computes none.
        actual: String,
    },
}

/// Whether this process is in the class; computes the golden vectors, which takes milliseconds.
///
/// # Errors
/// With the first condition that does not hold.
pub fn check_bit_exact() -> Result<(), NotBitExact> {
    check_processor()?;
    for (name, expected) in BIT_EXACT_ENVIRONMENT {
        if std::env::var(name).as_deref() != Ok(expected) {
            return Err(NotBitExact::Environment { name, expected });
        }
    }
    golden::check()
}

#[cfg(target_arch = "x86_64")]
fn check_processor() -> Result<(), NotBitExact> {
    let features = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
    ];
    match features.into_iter().find(|(_, is_there)| !is_there) {
        Some((feature, _)) => Err(NotBitExact::Feature { feature }),
        None => Ok(()),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn check_processor() -> Result<(), NotBitExact> {
    Err(NotBitExact::Architecture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Run by the test below, in a process that was started as the class wants it.
    #[test]
    #[ignore = "only in a process of the class"]
    fn this_process_is_in_the_class() {
        assert_eq!(check_bit_exact(), Ok(()));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn process_started_for_the_class_is_in_it_and_another_says_why_not() {
        if let Err(why) = check_processor() {
            eprintln!("skipped: {why}");
            return;
        }
        let run = |variables: &[(&str, &str)]| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact"])
                .arg("bit_exact::tests::this_process_is_in_the_class")
                .env_remove("TRACT_CPU_ISA")
                .env_remove("TRACT_X86_KIND")
                .envs(variables.iter().copied())
                .output()
                .unwrap()
        };
        let inside = run(&BIT_EXACT_ENVIRONMENT);
        assert!(inside.status.success(), "{inside:?}");
        let outside = run(&[]);
        assert!(!outside.status.success());
        assert!(
            String::from_utf8_lossy(&outside.stdout).contains("TRACT_CPU_ISA"),
            "{outside:?}"
        );
    }
}
