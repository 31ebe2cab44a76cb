//! What the head of an executable says: the machine it is for, and whether it brings its own C library.

use std::fmt;

use clap::ValueEnum;

/// This machine's processor.
pub(crate) const HERE: CpuArchitecture =
    if cfg!(target_arch = "aarch64") { CpuArchitecture::Arm64 } else { CpuArchitecture::X86_64 };

/// A processor that Lambda and Fargate have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum CpuArchitecture {
    /// x86-64
    #[value(name = "x86_64", alias = "amd64")]
    X86_64,
    /// Graviton
    #[value(name = "arm64", alias = "aarch64")]
    Arm64,
}

impl CpuArchitecture {
    /// As Docker calls it.
    pub(crate) fn docker(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As ECS calls it.
    pub(crate) fn ecs(self) -> &'static str {
        match self {
            Self::X86_64 => "X86_64",
            Self::Arm64 => "ARM64",
        }
    }
}

/// As Lambda calls it.
impl fmt::Display for CpuArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// What a program needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BuiltProgram {
    pub(crate) architecture: CpuArchitecture,
    /// Whether it needs a loader, and so an image that has one.
    pub(crate) dynamic: bool,
    /// The newest glibc that it names, as the minor number of 2.x.
    pub(crate) glibc: Option<u32>,
}

impl BuiltProgram {
    /// Whether this machine can run it.
    pub(crate) fn runs_here(self) -> bool {
        cfg!(target_os = "linux") && self.architecture == HERE
    }

    /// Reads the ELF header and the program headers.
    ///
    /// Source: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>, and `ch5.pheader.html` beside it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        const INTERPRETER: u64 = 3;
        let number = |at: usize, length: usize| -> Option<u64> {
            let bytes = bytes.get(at..at.checked_add(length)?)?;
            Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        };
        let at = |at: usize, length: usize| number(at, length).and_then(|number| usize::try_from(number).ok());
        let not_one = || "is not a Linux executable".to_owned();
        if !bytes.starts_with(b"\x7fELF\x02\x01") {
            return Err(not_one());
        }
        let architecture = match number(18, 2) {
            Some(62) => CpuArchitecture::X86_64,
            Some(183) => CpuArchitecture::Arm64,
            _ => return Err("is for a machine that Lambda doesn't have".to_owned()),
        };
        let (start, size, count) =
            (at(32, 8).ok_or_else(not_one)?, at(54, 2).ok_or_else(not_one)?, at(56, 2).ok_or_else(not_one)?);
        let dynamic = (0..count).any(|index| number(start.saturating_add(index * size), 4) == Some(INTERPRETER));
        Ok(Self { architecture, dynamic, glibc: dynamic.then(|| glibc(bytes)).flatten() })
    }
}

/// The newest `GLIBC_2.x` among the NUL-terminated strings, which are the versions that the loader asks for.
fn glibc(bytes: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"\0GLIBC_2.";
    let version = |at: usize| {
        let digits = &bytes[at + NAME.len()..];
        let digits = &digits[..digits.iter().take(4).position(|byte| *byte == 0 || *byte == b'.')?];
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let starts = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    starts.filter_map(|(at, _)| version(at)).max()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program of nothing but its headers and these strings.
    pub(crate) fn elf(machine: u16, dynamic: bool, strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 2 * 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&2_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&1_u32.to_le_bytes());
        let kind: u32 = if dynamic { 3 } else { 1 };
        bytes[120..124].copy_from_slice(&kind.to_le_bytes());
        for string in strings {
            bytes.push(0);
            bytes.extend_from_slice(string.as_bytes());
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn reads_what_a_program_needs() {
        use CpuArchitecture::{Arm64, X86_64};
        let needs = |architecture, dynamic, glibc| Ok(BuiltProgram { architecture, dynamic, glibc });
        let table = [
            (elf(62, true, &["GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9"]), needs(X86_64, true, Some(34))),
            (elf(183, true, &["GLIBC_2.17"]), needs(Arm64, true, Some(17))),
            (elf(62, true, &["GLIBC_2.", "xGLIBC_2.99", "GLIBC_2.9x"]), needs(X86_64, true, None)),
            (elf(62, false, &["GLIBC_2.36"]), needs(X86_64, false, None)),
            (elf(243, true, &[]), Err("is for a machine that Lambda doesn't have".to_owned())),
            (b"\x7fELF\x02\x01".to_vec(), Err("is for a machine that Lambda doesn't have".to_owned())),
            (b"\xcf\xfa\xed\xfe".to_vec(), Err("is not a Linux executable".to_owned())),
            (Vec::new(), Err("is not a Linux executable".to_owned())),
        ];
        for (bytes, expected) in table {
            assert_eq!(BuiltProgram::read(&bytes), expected);
        }
    }

    #[test]
    fn reads_this_very_program() {
        let here = match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => CpuArchitecture::X86_64,
            ("linux", "aarch64") => CpuArchitecture::Arm64,
            // Another system's programs are none that Lambda could run.
            _ => return,
        };
        let own = std::fs::read(std::env::current_exe().expect("this program")).expect("readable");
        assert_eq!(BuiltProgram::read(&own).expect("a program").architecture, here);
    }
}
