//! The ARNs and names of Lambda functions.
