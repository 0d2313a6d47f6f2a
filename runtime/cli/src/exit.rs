//! How the process ends, as a number. Part of the interface: numbers never change their meaning.

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is as asked.
    Ok = 0,
    /// A file could not be read or written.
    File = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The job, or what else was asked for, was refused before anything was spent.
    Refused = 3,
    /// The guest said that it failed.
    Failed = 4,
    /// The guest trapped.
    Trapped = 5,
    /// The guest reached a limit, or has more to do than its slices.
    Limit = 6,
    /// The provider failed; nobody is billed.
    Fault = 7,
    /// The ledger cannot be used: held, read-only or damaged.
    Ledger = 8,
    /// A receipt does not hold: signature, form or arithmetic.
    ReceiptInvalid = 9,
    /// A receipt says something else than running the job again.
    ReceiptDiffers = 10,
    /// A receipt holds, and nobody said whose signature to trust.
    SignerUnknown = 11,
    /// The job was stopped.
    Stopped = 12,
    /// A receipt agrees with its transcript, of which no call was computed again.
    TranscriptTrusted = 13,
    /// A transcript is not the receipt's, or damaged.
    TranscriptInvalid = 14,
}

impl Exit {
    /// Every code, with what it means.
    #[cfg(test)]
    pub const ALL: &[(Exit, &str)] = &[
        (Exit::Ok, "ok"),
        (Exit::File, "file"),
        (Exit::Usage, "usage"),
        (Exit::Refused, "refused"),
        (Exit::Failed, "failed"),
        (Exit::Trapped, "trapped"),
        (Exit::Limit, "limit"),
        (Exit::Fault, "fault"),
        (Exit::Ledger, "ledger"),
        (Exit::ReceiptInvalid, "receipt invalid"),
        (Exit::ReceiptDiffers, "receipt differs"),
        (Exit::SignerUnknown, "signer unknown"),
        (Exit::Stopped, "stopped"),
        (Exit::TranscriptTrusted, "transcript trusted"),
        (Exit::TranscriptInvalid, "transcript invalid"),
    ];
}

/// The codes as `--help` explains them.
pub const HELP: &str = "Exit codes:
   0  everything is as asked; a job ended ok
   1  a file could not be read or written
   2  the command line is wrong
   3  the job, or what else was asked for, was refused before anything was spent
   4  the guest said that it failed
   5  the guest trapped
   6  the guest reached a limit, or has more to do than its slices
   7  the provider failed, and nobody is billed
   8  the ledger cannot be used: held, read-only or damaged
   9  a receipt does not hold: signature, form or arithmetic
  10  a receipt says something else than running the job again
  11  a receipt holds, and nobody said whose signature to trust
  12  the job was stopped
  13  a receipt agrees with its transcript, and no model's answer was computed again
  14  a transcript is not the receipt's, damaged or incomplete

Example:
  meterbox run job.toml --out results --receipt receipt.json
  meterbox receipt verify receipt.json --key $(meterbox key show)";
