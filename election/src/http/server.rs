//! Connections: TLS, limits, and an end in good order.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// Longest time for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Longest time between two requests, and for the head of one. Datakit asks every three or four
/// seconds.
const HEAD: Duration = Duration::from_secs(15);
/// The largest head of a request, in bytes.
const HEAD_SIZE: usize = 32 * 1024;
/// Longest time for what is under way when the server ends.
const LAST: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be accepted, for lack of file descriptors say.
const REST: Duration = Duration::from_millis(100);

/// A server for as many connections as are allowed; further ones wait.
pub struct Server {
    pub acceptor: TlsAcceptor,
    pub router: Router,
    pub connections: usize,
}

impl Server {
    /// Serves until `stop` becomes true, and then ends what is under way.
    pub async fn run(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(self.connections));
        let stopped = stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            never = self.accept(&listener, &free, &stopped) => match never {},
        }
        drop(listener);
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        if timeout(LAST, free.acquire_many(all)).await.is_err() {
            warn!("connections were cut off that did not end in time");
        }
    }

    async fn accept(
        &self,
        listener: &TcpListener,
        free: &Arc<Semaphore>,
        stop: &watch::Receiver<bool>,
    ) -> Infallible {
        loop {
            let Ok(permit) = Arc::clone(free).acquire_owned().await else {
                // The semaphore is never closed.
                return std::future::pending().await;
            };
            match listener.accept().await {
                Ok((stream, _)) => self.spawn(stream, permit, stop.clone()),
                Err(error) => {
                    warn!(%error, "a connection cannot be accepted");
                    sleep(REST).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, permit: OwnedSemaphorePermit, stop: watch::Receiver<bool>) {
        let acceptor = self.acceptor.clone();
        let router = self.router.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, acceptor, router, stop).await {
                debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = &mut connection => return Ok(ended?),
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}
