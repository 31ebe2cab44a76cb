//! What a function is called, and what is called after it: names that each service takes.

/// The longest name of a stack here: the function is called as the stack is, the dispatcher has three letters more, and
/// a function's name has 64 at most.
///
/// Source: `FunctionName` in <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const LONGEST: usize = 61;

/// The name of stack and function: letters, digits and hyphens, and a letter first.
///
/// Source: `StackName` in <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
pub(crate) fn function(name: &str) -> String {
    let name = words(name);
    let name = if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("f-{name}") };
    let short: String = name.chars().take(LONGEST).collect();
    short.trim_end_matches('-').to_owned()
}

/// The ECR repository of the runner's image, and its tag on this machine: lower-case letters.
///
/// Source: `repositoryName` in <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
pub(crate) fn repository(name: &str) -> String {
    format!("{}-runner", words(name).to_ascii_lowercase())
}

/// The bucket for large events on the emulator: lower-case letters, and 63 at most.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(crate) fn bucket(name: &str) -> String {
    let name: String = function(name).to_ascii_lowercase().chars().take(56).collect();
    format!("{}-events", name.trim_end_matches('-'))
}

fn words(name: &str) -> String {
    let words: Vec<_> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_gets_a_name_that_it_takes() {
        let long = format!("{}_b", "a".repeat(60));
        let table = [
            ("hello", "hello", "hello-runner", "hello-events"),
            ("My_Export", "My-Export", "my-export-runner", "my-export-events"),
            ("_a__b_", "a-b", "a-b-runner", "a-b-events"),
            ("ordersDlq", "ordersDlq", "ordersdlq-runner", "ordersdlq-events"),
            ("2fa", "f-2fa", "2fa-runner", "f-2fa-events"),
            (&long, &"a".repeat(60), &format!("{}-b-runner", "a".repeat(60)), &format!("{}-events", "a".repeat(56))),
        ];
        for (name, of_function, of_repository, of_bucket) in table {
            assert_eq!(
                (function(name), repository(name), bucket(name)),
                (of_function.to_owned(), of_repository.to_owned(), of_bucket.to_owned())
            );
        }
    }
}
