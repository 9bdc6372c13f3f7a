use std::process::ExitCode;

use clap::Parser;
use datakit_election::options::Options;
use datakit_election::service::{StartError, listen, run};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{Level, error};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    log(options.log_level);
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "the service does not start");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), StartError> {
    let (stop, stopped) = watch::channel(false);
    end_on_signals(stop)?;
    let listener = listen(&options.listen).await?;
    run(options, listener, stopped).await
}

/// Lines of JSON on standard error. Libraries log URLs when asked for more than warnings; ours do
/// not log any token, namespace or id.
fn log(level: Level) {
    let ours = Targets::new()
        .with_default(level.min(Level::WARN))
        .with_target("datakit_election", level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

fn end_on_signals(stop: watch::Sender<bool>) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        // Without a receiver there is nobody left to tell; the sender is kept until the end.
        stop.closed().await;
    });
    Ok(())
}
