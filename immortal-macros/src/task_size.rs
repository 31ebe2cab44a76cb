//! The sizes that a Fargate task can have, and their spelling in ECS.
//!
//! Source:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>, and
//! for 32 vCPU <https://github.com/aws-cloudformation/cfn-lint/issues/4668>. `immortal_core::task_size` has the same
//! table.

/// One CPU size in ECS units, and its memory sizes in MiB.
struct TaskSize {
    cpu: u32,
    memory: TaskMemory,
}

enum TaskMemory {
    Steps { least: u32, most: u32, step: u32 },
    Each([u32; 3]),
}

const fn steps(cpu: u32, least: u32, most: u32, step: u32) -> TaskSize {
    TaskSize { cpu, memory: TaskMemory::Steps { least, most, step } }
}

const SIZES: [TaskSize; 8] = [
    TaskSize { cpu: 256, memory: TaskMemory::Each([512, 1024, 2048]) },
    steps(512, 1024, 4096, 1024),
    steps(1024, 2048, 8192, 1024),
    steps(2048, 4096, 16_384, 1024),
    steps(4096, 8192, 30_720, 1024),
    steps(8192, 16_384, 61_440, 4096),
    steps(16_384, 32_768, 122_880, 8192),
    TaskSize { cpu: 32_768, memory: TaskMemory::Each([61_440, 122_880, 249_856]) },
];

impl TaskMemory {
    fn has(&self, memory: u32) -> bool {
        match self {
            Self::Steps { least, most, step } => {
                (*least..=*most).contains(&memory) && (memory - least).is_multiple_of(*step)
            }
            Self::Each(sizes) => sizes.contains(&memory),
        }
    }
}

/// Whether Fargate has this CPU size.
pub(crate) fn is_cpu(cpu: u32) -> bool {
    SIZES.iter().any(|size| size.cpu == cpu)
}

/// Whether Fargate has this memory with some CPU size.
pub(crate) fn is_memory(memory: u32) -> bool {
    SIZES.iter().any(|size| size.memory.has(memory))
}

/// Whether Fargate has this memory with at least this much CPU.
pub(crate) fn is_memory_from(cpu: u32, memory: u32) -> bool {
    SIZES.iter().any(|size| size.cpu >= cpu && size.memory.has(memory))
}

/// What is wrong with a pair, each half of which Fargate has.
pub(crate) fn mismatch(cpu: u32, memory: u32) -> Option<String> {
    let size = SIZES.iter().find(|size| size.cpu == cpu && !size.memory.has(memory))?;
    let choice = match size.memory {
        TaskMemory::Each([a, b, c]) => format!("{a}, {b} or {c}"),
        TaskMemory::Steps { least, most, step } => format!("{least} to {most} in steps of {step}"),
    };
    Some(format!("Fargate has no task of {cpu} CPU units with {memory} MiB; with {cpu} units it has {choice}"))
}

/// ECS units from a text: `"1024"`, `"1 vCPU"`, `".25 vcpu"`.
pub(crate) fn cpu_from_text(text: &str) -> Option<u32> {
    in_1024ths(text, "vcpu")
}

/// MiB from a text: `"4096"`, `"4 GB"`, `"0.5GB"`.
pub(crate) fn memory_from_text(text: &str) -> Option<u32> {
    in_1024ths(text, "gb")
}

/// A plain number, or a decimal one of a unit that has 1024 parts.
fn in_1024ths(text: &str, unit: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(unit) else {
        return whole(&text);
    };
    let number = number.trim_end();
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let before = if before.is_empty() { 0 } else { whole(before)? };
    let after = after.trim_end_matches('0');
    let fraction = if after.is_empty() {
        0
    } else {
        let scale = 10_u32.checked_pow(u32::try_from(after.len()).ok()?)?;
        let parts = whole(after)?.checked_mul(1024)?;
        parts.is_multiple_of(scale).then(|| parts / scale)?
    };
    before.checked_mul(1024)?.checked_add(fraction)
}

fn whole(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fargates_own_pairs() {
        let pairs: &[(u32, &[u32], &[u32])] = &[
            (256, &[512, 1024, 2048], &[256, 1536, 3072]),
            (512, &[1024, 2048, 3072, 4096], &[512, 1536, 5120]),
            (1024, &[2048, 5120, 8192], &[1024, 2560, 9216]),
            (2048, &[4096, 16_384], &[3072, 17_408]),
            (4096, &[8192, 30_720], &[7168, 31_744]),
            (8192, &[16_384, 20_480, 61_440], &[17_408, 65_536]),
            (16_384, &[32_768, 40_960, 122_880], &[36_864, 131_072]),
            (32_768, &[61_440, 122_880, 249_856], &[32_768, 65_536, 131_072, 262_144]),
        ];
        for (cpu, good, bad) in pairs {
            assert!(is_cpu(*cpu));
            for memory in *good {
                assert_eq!(mismatch(*cpu, *memory), None, "{cpu} {memory}");
            }
            for memory in *bad {
                assert!(mismatch(*cpu, *memory).is_some(), "{cpu} {memory}");
            }
        }
        assert!(!is_cpu(1000) && !is_cpu(0) && !is_memory(1536) && !is_memory(0) && is_memory(20_480));
    }

    #[test]
    fn the_dispatcher_and_the_emulator_have_the_same_sizes() {
        for cpu in (0..=70_000).step_by(128) {
            for memory in (0..=300_000).step_by(256) {
                let here = is_cpu(cpu) && mismatch(cpu, memory).is_none();
                assert_eq!(here, immortal_core::task_size::exists(cpu, memory), "{cpu} {memory}");
            }
        }
    }

    #[test]
    fn texts_are_read_as_ecs_reads_them() {
        let table: &[(&str, Option<u32>)] = &[
            ("1 vCPU", Some(1024)),
            ("1vcpu", Some(1024)),
            (".25 vCPU", Some(256)),
            ("0.25 vCPU", Some(256)),
            ("0.50 vCPU", Some(512)),
            ("2. vCPU", Some(2048)),
            ("16 vCPU", Some(16_384)),
            ("32 vCPU", Some(32_768)),
            ("1024", Some(1024)),
            ("0.1 vCPU", None),
            (". vCPU", None),
            ("vCPU", None),
            ("1.2.3 vCPU", None),
            ("-1 vCPU", None),
            ("+1 vCPU", None),
            ("1e3", None),
            ("", None),
            ("99999999999 vCPU", None),
            ("4194304 vCPU", None),
            ("0.00000000000000000001 vCPU", None),
            ("1 GB", None),
        ];
        for (text, units) in table {
            assert_eq!(cpu_from_text(text), *units, "{text:?}");
        }
        assert_eq!(memory_from_text("4 GB"), Some(4096));
        assert_eq!(memory_from_text("244 GB"), Some(249_856));
        assert_eq!(memory_from_text("0.5GB"), Some(512));
        assert_eq!(memory_from_text("4 GiB"), None);
    }
}
