//! The smallest deployable function: it greets whoever the event names.
#![allow(clippy::unused_async, reason = "a handler is async, also one that awaits nothing")]

use immortal::{Error, LambdaEvent, immortal};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Greeting {
    message: String,
}

#[immortal]
async fn hello(event: LambdaEvent<Visitor>) -> Result<Greeting, Error> {
    let name = event.payload.name;
    if name.is_empty() {
        return Err("a visitor without a name can't be greeted".into());
    }
    Ok(Greeting { message: format!("Hello, {name}!") })
}

#[cfg(test)]
mod tests {
    use immortal::Context;

    use super::*;

    fn visit(name: &str) -> LambdaEvent<Visitor> {
        LambdaEvent::new(Visitor { name: name.to_owned() }, Context::default())
    }

    #[tokio::test]
    async fn greets_by_name() {
        let greeting = hello(visit("Ada")).await.expect("a visitor with a name");
        assert_eq!(greeting, Greeting { message: "Hello, Ada!".to_owned() });
    }

    #[tokio::test]
    async fn refuses_nobody() {
        assert!(hello(visit("")).await.is_err());
    }
}
