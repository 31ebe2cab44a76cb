//! The sizes that a Fargate task can have.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>,
//! and for 32 vCPU <https://github.com/aws-cloudformation/cfn-lint/issues/4668>. The attribute has the same table, for it
//! can't depend on this crate; its test compares them.

/// Whether Fargate has a task of so many CPU units and so many MiB.
#[must_use]
pub fn exists(cpu: u32, memory: u32) -> bool {
    let steps = |least: u32, most: u32, step: u32| {
        (least..=most).contains(&memory) && memory.checked_sub(least).is_some_and(|more| more.is_multiple_of(step))
    };
    match cpu {
        256 => matches!(memory, 512 | 1024 | 2048),
        512 => steps(1024, 4096, 1024),
        1024 => steps(2048, 8192, 1024),
        2048 => steps(4096, 16_384, 1024),
        4096 => steps(8192, 30_720, 1024),
        8192 => steps(16_384, 61_440, 4096),
        16_384 => steps(32_768, 122_880, 8192),
        32_768 => matches!(memory, 61_440 | 122_880 | 249_856),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
