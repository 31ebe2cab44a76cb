//! Which roles are linked into a program.

use immortal_core::{names::env, role::Role};

/// Told by the name of a variable that this role alone reads: it is in the program for whichever processor it was built,
/// and however it was optimised.
pub(crate) fn is_linked(program: &[u8], role: Role) -> bool {
    let variable = match role {
        Role::Handler | Role::Describe => env::ROLE,
        Role::Dispatcher => env::SUBNETS,
        Role::Runner => env::STALL_TIMEOUT,
    };
    program.windows(variable.len()).any(|window| window == variable.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_sign() {
        let table: [(&[u8], [bool; 3]); 4] = [
            (b"\x7fELF", [false, false, false]),
            (b"..IMMORTAL_ROLE..", [true, false, false]),
            (b"IMMORTAL_ROLEIMMORTAL_SUBNETS", [true, true, false]),
            (b"IMMORTAL_STALL_TIMEOUT\0IMMORTAL_SUBNETS\0IMMORTAL_ROLE", [true, true, true]),
        ];
        for (program, expected) in table {
            let linked = [Role::Handler, Role::Dispatcher, Role::Runner].map(|role| is_linked(program, role));
            assert_eq!(linked, expected, "{}", program.escape_ascii());
        }
    }
}
