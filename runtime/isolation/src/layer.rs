//! Owns the names of the layers that stand between a worker and the machine. Knows not how one is put up.

use std::fmt;

/// One thing that keeps a worker from what it was not handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Layer {
    /// Nothing that it executes could gain rights.
    NoNewPrivileges,
    /// It holds no capability, not even over its own namespaces.
    Capabilities,
    /// Nor could it ever: its bounding set is empty too.
    CapabilityBound,
    /// No path can be opened, no TCP port used, no process outside signalled.
    Landlock,
    /// Only the system calls of its role; memory is never writable and executable at once.
    Seccomp,
    /// Bounds on memory, descriptors, file sizes; no core dump.
    ResourceLimits,
    /// A bound on its threads.
    ThreadLimit,
    /// Outside of everything it is an ordinary user, never root.
    OrdinaryUser,
    /// A user namespace of its own, in which no user is mapped.
    UserNamespace,
    /// A root directory with nothing in it.
    MountNamespace,
    /// A network with nothing in it.
    NetworkNamespace,
    /// It sees no process but itself.
    PidNamespace,
    /// No shared memory, semaphores or queues of the host.
    IpcNamespace,
    /// A host name of its own.
    UtsNamespace,
    /// Control groups begin at its own.
    CgroupNamespace,
    /// No variable of its parent's environment.
    EmptyEnvironment,
    /// No descriptor but its channel, beside `/dev/null` as its standard streams.
    ClosedDescriptors,
    /// No other process of the same user can read its memory.
    Undumpable,
    /// The kernel kills it when its parent ends.
    DiesWithParent,
}

/// A set of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers(u32);

impl Layer {
    /// All, in the order in which reports list them.
    pub const ALL: [Self; 19] = [
        Self::NoNewPrivileges,
        Self::Capabilities,
        Self::CapabilityBound,
        Self::Landlock,
        Self::Seccomp,
        Self::ResourceLimits,
        Self::ThreadLimit,
        Self::OrdinaryUser,
        Self::UserNamespace,
        Self::MountNamespace,
        Self::NetworkNamespace,
        Self::PidNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::EmptyEnvironment,
        Self::ClosedDescriptors,
        Self::Undumpable,
        Self::DiesWithParent,
    ];

    /// What users call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "no new privileges",
            Self::Capabilities => "capabilities",
            Self::CapabilityBound => "capability bounding set",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::ResourceLimits => "resource limits",
            Self::ThreadLimit => "thread limit",
            Self::OrdinaryUser => "ordinary user",
            Self::UserNamespace => "user namespace",
            Self::MountNamespace => "mount namespace",
            Self::NetworkNamespace => "network namespace",
            Self::PidNamespace => "PID namespace",
            Self::IpcNamespace => "IPC namespace",
            Self::UtsNamespace => "UTS namespace",
            Self::CgroupNamespace => "cgroup namespace",
            Self::EmptyEnvironment => "empty environment",
            Self::ClosedDescriptors => "closed descriptors",
            Self::Undumpable => "undumpable",
            Self::DiesWithParent => "dies with its parent",
        }
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.code())
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Layers {
    /// Every layer: what everything but a test uses.
    pub const ALL: Self = Self((1 << Layer::ALL.len()) - 1);
    /// No layer. For tests only: it shows that an attack would work.
    pub const NONE: Self = Self(0);

    /// These layers and no other. For tests only: it shows what one layer stops by itself.
    pub fn only(layers: &[Layer]) -> Self {
        layers
            .iter()
            .fold(Self::NONE, |set, layer| Self(set.0 | 1 << layer.code()))
    }

    /// These without one. For tests only.
    #[must_use]
    pub const fn without(self, layer: Layer) -> Self {
        Self(self.0 & !(1 << layer.code()))
    }

    /// Whether `layer` is among them.
    pub const fn contains(self, layer: Layer) -> bool {
        self.0 & (1 << layer.code()) != 0
    }

    /// Those that are in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::ALL
            .into_iter()
            .filter(move |layer| self.contains(*layer))
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }
}
