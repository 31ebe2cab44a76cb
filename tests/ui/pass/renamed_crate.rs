mod vendor {
    pub use ::immortal as undying;
}

use vendor::undying::{self, Error, LambdaEvent};

#[undying::immortal(crate = crate::vendor::undying)]
async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
    Ok(event.payload)
}
