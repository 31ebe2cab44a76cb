use std::borrow::Cow;

use immortal::{Error, LambdaEvent, immortal};

#[immortal(init = words)]
async fn handler(event: LambdaEvent<Cow<'static, str>>, words: &'static [&'static str; 2]) -> Result<String, Error> {
    Ok([event.payload.as_ref(), words[0], words[1]].concat())
}

async fn words() -> Result<[&'static str; 2], Error> {
    Ok(["or", "not"])
}
