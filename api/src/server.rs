//! The server: connections in, each bounded in number, time and size; a graceful end.
//!
//! A connection that sends no request's head in time, or takes nothing of an answer for too long, is closed.
//! When the server stops it accepts nothing more, lets requests under way end, and closes what is left after
//! [`crate::Config::grace`].

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, oneshot};

use crate::app::App;
use crate::routes;
use crate::stall::Stalling;

/// Bytes of a request's head, at most.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A running server.
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a listener, in threads of its own.
    ///
    /// # Errors
    /// If the system has no thread left, or the listener can't be used.
    pub fn start(app: Arc<App>, listener: TcpListener) -> std::io::Result<Server> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("api")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&app);
        let serve = move || {
            runtime.block_on(serve(served, listener, stopped));
            runtime.shutdown_timeout(Duration::from_secs(1));
        };
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(serve)?;
        Ok(Server {
            app,
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets requests under way end, and stops. What was taken is written to the log first.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.app.appender.stop();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(app: Arc<App>, listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the server can't listen");
            return;
        }
    };
    let router = routes::router(&app);
    let connections = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(app.config.connections_max));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(app.config.arrival)
        .max_buf_size(HEAD_BYTES_MAX);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            accepted = accepted => accepted,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Answers are small: they must not wait for one another.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let stream = TokioIo::new(Stalling::new(stream, app.config.stall));
        let connection = connections.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            // How a client ends is its own affair.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    app.stopping.send_replace(true);
    if tokio::time::timeout(app.config.grace, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were under way when the server ended");
    }
}
