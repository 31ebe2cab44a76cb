//! The sizes that a Fargate task can have.
//!
//! Source:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>, and
//! for 32 vCPU <https://github.com/aws-cloudformation/cfn-lint/issues/4668>. The attribute has the same table, for it
//! can't depend on this crate; its test compares them.

/// CPU in ECS units, and memory in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskSize {
    /// ECS CPU units: 1024 is one vCPU.
    pub cpu: u32,
    /// In MiB.
    pub memory: u32,
}

const CPUS: [u32; 8] = [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/// Every memory size of Fargate is a multiple of this.
const MEMORY_STEP: u32 = 512;

impl TaskSize {
    /// Twice the memory, up to `memory_max`, with the least CPU that Fargate has for it and not less than `least_cpu`;
    /// where there is no such size, the next larger one. `None` where this size can't grow.
    #[must_use]
    pub fn grown(self, least_cpu: u32, memory_max: u32) -> Option<Self> {
        let wanted = self.memory.saturating_mul(2).min(memory_max).next_multiple_of(MEMORY_STEP);
        (wanted..=memory_max)
            .step_by(MEMORY_STEP as usize)
            .flat_map(|memory| CPUS.map(|cpu| Self { cpu, memory }))
            .find(|size| size.memory > self.memory && size.cpu >= least_cpu && exists(size.cpu, size.memory))
    }
}

/// The largest task.
const LARGEST: (u32, u32) = (32_768, 249_856);

/// Whether Fargate has a task of this many CPU units and MiB.
#[must_use]
pub fn exists(cpu: u32, memory: u32) -> bool {
    memories(cpu).contains(&memory)
}

/// The task with the fewest CPU units, and then the least memory, that has at least this many MiB; else the largest.
#[must_use]
pub fn with_memory(least: u32) -> (u32, u32) {
    let mut sizes = CPUS.into_iter().flat_map(|cpu| memories(cpu).into_iter().map(move |memory| (cpu, memory)));
    sizes.find(|(_, memory)| *memory >= least).unwrap_or(LARGEST)
}

/// The memory sizes of a task with this many CPU units, in MiB, ascending.
fn memories(cpu: u32) -> Vec<u32> {
    let steps = |least: u32, most: u32, step| (least..=most).step_by(step).collect();
    match cpu {
        256 => vec![512, 1024, 2048],
        512 => steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16_384, 1024),
        4096 => steps(8192, 30_720, 1024),
        8192 => steps(16_384, 61_440, 4096),
        16_384 => steps(32_768, 122_880, 8192),
        32_768 => vec![61_440, 122_880, LARGEST.1],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_cpu_that_has_the_memory() {
        let table = [
            (0, (256, 512)),
            (512, (256, 512)),
            (1025, (256, 2048)),
            (2049, (512, 3072)),
            (6016, (1024, 6144)),
            (20_480, (4096, 20_480)),
            (30_721, (8192, 32_768)),
            (61_441, (16_384, 65_536)),
            (122_881, LARGEST),
            (u32::MAX, LARGEST),
        ];
        for (least, size) in table {
            assert_eq!(with_memory(least), size, "{least}");
            assert!(exists(size.0, size.1), "{size:?}");
        }
    }

    #[test]
    fn memory_doubles_up_to_its_most() {
        let table = [
            // The stopped task, the attribute's `cpu` and `memory_max`, and the next task.
            ((256, 512), 256, 8192, Some((256, 1024))),
            ((256, 2048), 256, 8192, Some((512, 4096))),
            ((512, 3072), 512, 8192, Some((1024, 6144))),
            ((1024, 5120), 1024, 8192, Some((1024, 8192))),
            ((1024, 6144), 1024, 16_384, Some((2048, 12_288))),
            ((1024, 8192), 1024, 8192, None),
            ((2048, 16_384), 1024, 8192, None),
            ((4096, 30_720), 256, 249_856, Some((8192, 61_440))),
            ((8192, 61_440), 256, 249_856, Some((16_384, 122_880))),
            ((16_384, 122_880), 256, 249_856, Some((32_768, 249_856))),
            ((32_768, 249_856), 256, 249_856, None),
            // Not less than the attribute's own CPU.
            ((4096, 8192), 4096, 30_720, Some((4096, 16_384))),
            ((32_768, 61_440), 32_768, 122_880, Some((32_768, 122_880))),
            // Fargate has no 34 GB, so it is the next size that it has.
            ((4096, 17_408), 4096, 61_440, Some((8192, 36_864))),
            ((4096, 17_408), 16_384, 61_440, Some((16_384, 40_960))),
        ];
        let size = |(cpu, memory)| TaskSize { cpu, memory };
        for (before, least_cpu, most, after) in table {
            assert_eq!(size(before).grown(least_cpu, most), after.map(size), "{before:?} {least_cpu} {most}");
        }
    }

    #[test]
    fn every_size_grows_to_one_that_fargate_has() {
        let all = || (512..=249_856).step_by(512).flat_map(|memory| CPUS.map(|cpu| TaskSize { cpu, memory }));
        for size in all().filter(|size| exists(size.cpu, size.memory)) {
            for most in all().filter(|most| most.cpu >= size.cpu && exists(most.cpu, most.memory)) {
                let grown = size.grown(size.cpu, most.memory);
                assert_eq!(grown.is_some(), most.memory > size.memory, "{size:?} {most:?}");
                let fits = |grown: TaskSize| exists(grown.cpu, grown.memory) && grown.memory <= most.memory;
                assert!(grown.is_none_or(fits), "{size:?} {most:?} {grown:?}");
            }
        }
    }

    #[test]
    fn only_fargates_own_pairs() {
        let table = [
            (256, 512, true),
            (256, 1536, false),
            (512, 4096, true),
            (1024, 2560, false),
            (4096, 30_720, true),
            (8192, 20_480, true),
            (16_384, 122_880, true),
            (16_384, 36_864, false),
            (32_768, 61_440, true),
            (32_768, 122_880, true),
            (32_768, 249_856, true),
            (32_768, 32_768, false),
            (32_768, 65_536, false),
            (32_768, 262_144, false),
            (65_536, 249_856, false),
            (0, 0, false),
        ];
        for (cpu, memory, expected) in table {
            assert_eq!(exists(cpu, memory), expected, "{cpu} {memory}");
        }
    }
}
