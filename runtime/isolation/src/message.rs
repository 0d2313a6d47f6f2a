//! Owns what parent and zygote say to each other, as bytes. Never sends or receives them.

use crate::ending::Ending;
use crate::layer::Layers;
use crate::limits::WorkerLimits;
use crate::role::Role;

/// What the parent asks of the zygote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Put up the layers that all workers share. First, and once.
    Begin { layers: Layers },
    /// Fork a worker; its end of the channel comes along as a descriptor.
    Fork { role: Role, limits: WorkerLimits },
    /// Say how a worker that has ended did so, and forget it.
    Reap { worker: u64 },
    /// Kill a worker and forget it, without an answer; its pidfd comes along.
    Release { worker: u64 },
    /// Move a worker's soft limit of data.
    Limit { worker: u64, data_bytes: u64 },
}

/// What the zygote answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Begun,
    /// The worker's pidfd comes along.
    Forked {
        worker: u64,
        pid: i32,
    },
    Ended(Ending),
    Limited,
    Refused {
        errno: i32,
    },
}

/// Bytes that say nothing known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message cannot be read")]
pub struct Unreadable;

#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl Request {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match *self {
            Self::Begin { layers } => {
                writer.u16(0);
                writer.u32(layers.bits());
            }
            Self::Fork { role, limits } => {
                writer.u16(1);
                writer.u16(match role {
                    Role::Runner => 0,
                    Role::Compiler => 1,
                    Role::Inference => 2,
                });
                writer.u64(limits.data_bytes);
                writer.u64(limits.data_bytes_max);
                writer.u32(limits.descriptors_max);
                writer.u64(limits.file_bytes_max);
                writer.u32(limits.threads_max);
            }
            Self::Reap { worker } => {
                writer.u16(2);
                writer.u64(worker);
            }
            Self::Release { worker } => {
                writer.u16(3);
                writer.u64(worker);
            }
            Self::Limit { worker, data_bytes } => {
                writer.u16(4);
                writer.u64(worker);
                writer.u64(data_bytes);
            }
        }
        writer.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let request = match reader.u16()? {
            0 => Self::Begin {
                layers: Layers::from_bits(reader.u32()?),
            },
            1 => Self::Fork {
                role: match reader.u16()? {
                    0 => Role::Runner,
                    1 => Role::Compiler,
                    2 => Role::Inference,
                    _ => return Err(Unreadable),
                },
                limits: WorkerLimits {
                    data_bytes: reader.u64()?,
                    data_bytes_max: reader.u64()?,
                    descriptors_max: reader.u32()?,
                    file_bytes_max: reader.u64()?,
                    threads_max: reader.u32()?,
                },
            },
            2 => Self::Reap {
                worker: reader.u64()?,
            },
            3 => Self::Release {
                worker: reader.u64()?,
            },
            4 => Self::Limit {
                worker: reader.u64()?,
                data_bytes: reader.u64()?,
            },
            _ => return Err(Unreadable),
        };
        reader.end()?;
        Ok(request)
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match *self {
            Self::Begun => writer.u16(0),
            Self::Forked { worker, pid } => {
                writer.u16(1);
                writer.u64(worker);
                writer.i32(pid);
            }
            Self::Ended(Ending::Exited { code }) => {
                writer.u16(2);
                writer.i32(code);
            }
            Self::Ended(Ending::Killed { signal }) => {
                writer.u16(3);
                writer.i32(signal);
            }
            Self::Limited => writer.u16(4),
            Self::Refused { errno } => {
                writer.u16(5);
                writer.i32(errno);
            }
        }
        writer.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let answer = match reader.u16()? {
            0 => Self::Begun,
            1 => Self::Forked {
                worker: reader.u64()?,
                pid: reader.i32()?,
            },
            2 => Self::Ended(Ending::Exited {
                code: reader.i32()?,
            }),
            3 => Self::Ended(Ending::Killed {
                signal: reader.i32()?,
            }),
            4 => Self::Limited,
            5 => Self::Refused {
                errno: reader.i32()?,
            },
            _ => return Err(Unreadable),
        };
        reader.end()?;
        Ok(answer)
    }
}

impl Writer {
    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Unreadable> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Unreadable> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Unreadable> {
        self.take().map(i32::from_le_bytes)
    }

    /// A message with something after it is another message than we think.
    pub(crate) fn end(self) -> Result<(), Unreadable> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Unreadable)
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable)?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let limits = WorkerLimits {
            file_bytes_max: 7,
            ..WorkerLimits::default()
        };
        for request in [
            Request::Begin {
                layers: Layers::ALL,
            },
            Request::Fork {
                role: Role::Runner,
                limits,
            },
            Request::Fork {
                role: Role::Compiler,
                limits,
            },
            Request::Reap { worker: 1 },
            Request::Release { worker: u64::MAX },
            Request::Limit {
                worker: 2,
                data_bytes: 3,
            },
        ] {
            assert_eq!(Request::decode(&request.encode()), Ok(request));
        }
        for answer in [
            Answer::Begun,
            Answer::Forked { worker: 1, pid: 2 },
            Answer::Ended(Ending::Exited { code: 255 }),
            Answer::Ended(Ending::Killed { signal: 31 }),
            Answer::Limited,
            Answer::Refused { errno: 1 },
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Ok(answer));
        }
    }

    #[test]
    fn a_message_of_another_length_is_refused() {
        let bytes = Request::Reap { worker: 1 }.encode();
        assert_eq!(Request::decode(&bytes[..bytes.len() - 1]), Err(Unreadable));
        assert_eq!(
            Request::decode(&[&bytes[..], &[0]].concat()),
            Err(Unreadable)
        );
        assert_eq!(Request::decode(&[]), Err(Unreadable));
        assert_eq!(Request::decode(&[9, 9]), Err(Unreadable));
    }
}
