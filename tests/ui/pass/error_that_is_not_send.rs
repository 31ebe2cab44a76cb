use std::rc::Rc;

use immortal::{Diagnostic, LambdaEvent, immortal};

#[immortal]
async fn handler(event: LambdaEvent<u32>) -> Result<u32, Refused> {
    if event.payload == 0 { Err(Refused(Rc::from("nothing"))) } else { Ok(event.payload) }
}

#[derive(Debug)]
struct Refused(Rc<str>);

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        Self { error_type: "Refused".to_owned(), error_message: refused.0.to_string() }
    }
}
