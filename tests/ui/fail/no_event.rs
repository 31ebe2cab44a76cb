use immortal::{Error, immortal};

#[immortal]
async fn handler() -> Result<(), Error> {
    Ok(())
}
