//! Owns what a worker says of its own layers. Never checks it: that is for `verify`.

use std::io;

use rustix::io::Errno;

use crate::layer::{Layer, Layers};
use crate::message::{Reader, Unreadable, Writer};

/// How one layer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Active,
    /// The settings leave it out.
    SwitchedOff,
    /// The kernel refused it, for the reason of this error number.
    Refused {
        /// As in `errno(3)`.
        errno: i32,
    },
}

/// How each layer of one worker stands, as the worker itself found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    standings: [Standing; Layer::ALL.len()],
    landlock_abi: u16,
}

impl Standing {
    /// Why the layer does not hold.
    pub fn why_not(self) -> Option<String> {
        match self {
            Self::Active => None,
            Self::SwitchedOff => Some("switched off by the settings".to_owned()),
            Self::Refused { errno } => Some(io::Error::from_raw_os_error(errno).to_string()),
        }
    }
}

impl Report {
    /// How one layer stands.
    pub fn standing(&self, layer: Layer) -> Standing {
        self.standings[layer.index()]
    }

    /// Every layer with its standing, in order.
    pub fn standings(&self) -> impl Iterator<Item = (Layer, Standing)> {
        Layer::ALL.into_iter().zip(self.standings)
    }

    /// Those that hold.
    pub fn active(&self) -> Layers {
        let active: Vec<Layer> = self
            .standings()
            .filter(|(_, standing)| *standing == Standing::Active)
            .map(|(layer, _)| layer)
            .collect();
        Layers::only(&active)
    }

    /// The version of Landlock that the kernel has: the higher, the more kinds of access are refused.
    /// None if Landlock does not hold.
    pub fn landlock_abi(&self) -> Option<u16> {
        (self.landlock_abi > 0).then_some(self.landlock_abi)
    }

    pub(crate) const fn new() -> Self {
        Self {
            standings: [Standing::SwitchedOff; Layer::ALL.len()],
            landlock_abi: 0,
        }
    }

    pub(crate) fn record(&mut self, layer: Layer, result: Result<(), Errno>) {
        self.standings[layer.index()] = match result {
            Ok(()) => Standing::Active,
            Err(errno) => Standing::Refused {
                errno: errno.raw_os_error(),
            },
        };
    }

    /// Puts a layer up if the settings ask for it, and writes down how that went.
    pub(crate) fn put_up(
        &mut self,
        layers: Layers,
        layer: Layer,
        put_up: impl FnOnce() -> Result<(), Errno>,
    ) {
        if layers.contains(layer) {
            self.record(layer, put_up());
        }
    }

    pub(crate) fn set_landlock_abi(&mut self, abi: u16) {
        self.landlock_abi = abi;
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u16(self.landlock_abi);
        for standing in self.standings {
            match standing {
                Standing::Active => writer.i32(0),
                Standing::SwitchedOff => writer.i32(-1),
                Standing::Refused { errno } => writer.i32(errno),
            }
        }
        writer.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(bytes);
        let mut report = Self::new();
        report.landlock_abi = reader.u16()?;
        for standing in &mut report.standings {
            *standing = match reader.i32()? {
                0 => Standing::Active,
                -1 => Standing::SwitchedOff,
                errno => Standing::Refused { errno },
            };
        }
        reader.end()?;
        Ok(report)
    }
}
