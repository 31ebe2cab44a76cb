//! The attribute's arguments.

use super::AttributeKind;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AttributeArgument {
    Init,
    Cpu,
    Memory,
    MemoryMax,
    Storage,
    Spot,
    Attempts,
    On,
    Grace,
    Limit,
    Crate,
}

impl AttributeArgument {
    /// All arguments, in the order in which messages name them.
    pub(super) const ALL: [Self; 11] = [
        Self::Init,
        Self::Cpu,
        Self::Memory,
        Self::MemoryMax,
        Self::Storage,
        Self::Spot,
        Self::Attempts,
        Self::On,
        Self::Grace,
        Self::Limit,
        Self::Crate,
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|argument| argument.name() == name)
    }

    pub(super) fn is_of(self, kind: AttributeKind) -> bool {
        self != Self::Init || kind == AttributeKind::Immortal
    }

    pub(super) const fn name(self) -> &'static str {
        self.form().0
    }

    /// An example of a valid value.
    pub(super) const fn example(self) -> &'static str {
        self.form().1
    }

    const fn form(self) -> (&'static str, &'static str) {
        match self {
            Self::Init => ("init", "init = connect"),
            Self::Cpu => ("cpu", "cpu = 1024"),
            Self::Memory => ("memory", "memory = 4096"),
            Self::MemoryMax => ("memory_max", "memory_max = \"16 GB\""),
            Self::Storage => ("storage", "storage = 100"),
            Self::Spot => ("spot", "spot = true"),
            Self::Attempts => ("attempts", "attempts = 3"),
            Self::On => ("on", "on = killed"),
            Self::Grace => ("grace", "grace = \"10s\""),
            Self::Limit => ("limit", "limit = \"6h\""),
            Self::Crate => ("crate", "crate = ::immortal"),
        }
    }
}
