//! `bench read`: point reads over HTTP beside a bare axum route that answers with a fixed text of the same
//! length, in turns within one run, by the same client. Each server is a process of its own; all share the
//! machine, so that beside the ratio of answers a second stands that of processor time.

use std::future::pending;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;

use crate::client::{block_on, closed_loop, once, request};
use crate::latency::stream;
use crate::mix::{Ids, Mix, Orders, PRODUCTS, Random};
use crate::process::cpu_seconds;
use crate::scratch::Scratch;
use crate::server::Serving;
use crate::{Figure, Settings, median};

/// Orders there are, if not said otherwise.
const ORDERS: u64 = 200_000;
/// Of these the last so many are read by those who look after an order of today.
const LATE: usize = 10_000;
const CONNECTIONS: usize = 16;
/// Turns, and how long each server has in a turn.
const TURNS: usize = 5;
const LASTS: Duration = Duration::from_secs(2);

/// Makes the request of a number.
type Make = Rc<dyn Fn(usize) -> Vec<u8>>;

/// Serves the bare route, for ever.
pub fn serve_bare(bytes: usize) -> Result<(), String> {
    // {"text":"xxx"} of the length asked for.
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(bytes.saturating_sub(11)));
    let text = Bytes::from(text);
    let handler = move || {
        let text = text.clone();
        async move { ([(CONTENT_TYPE, "application/json")], text) }
    };
    let router = axum::Router::new().route("/bare/{id}", axum::routing::get(handler));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.map_err(|e| e.to_string())?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("listening on http://{}", listener.local_addr()?);
        axum::serve(
            axum::serve::ListenerExt::tap_io(listener, |stream| {
                let _ = stream.set_nodelay(true);
            }),
            router,
        )
        .await
    });
    served.map_err(|e| e.to_string())
}

/// What reading one thing comes to beside the bare route.
struct Measured {
    a_second: f64,
    bare_a_second: f64,
    ratio: f64,
    server_us: f64,
    bare_us: f64,
    client_us: f64,
}

/// Answers a second and processor time per answer, of the server and of the client.
fn turn(server: &Serving, make: &Make) -> Result<(f64, f64, f64), String> {
    let (cpu, own) = (server.cpu_seconds(), cpu_seconds());
    let rate = block_on(closed_loop(server.address(), CONNECTIONS, LASTS, Rc::clone(make)))?;
    let answers = rate * LASTS.as_secs_f64();
    let each = |seconds: f64| seconds * 1e6 / answers;
    Ok((rate, each(server.cpu_seconds() - cpu), each(cpu_seconds() - own)))
}

fn compare(directory: &Scratch, server: &Serving, make: &Make) -> Result<Measured, String> {
    let length = once(server.address(), 200, &make(0))?.len();
    let bare = Serving::bare(directory.path(), length)?;
    let bare_make: Make = Rc::new(|number| request("GET", &format!("/bare/{number:036}"), "", b""));
    let mut turns: [Vec<f64>; 6] = Default::default();
    turn(server, make)?;
    for _ in 0..TURNS {
        let ours = turn(server, make)?;
        let theirs = turn(&bare, &bare_make)?;
        let values = [ours.0, theirs.0, ours.0 / theirs.0, ours.1, theirs.1, ours.2];
        turns
            .iter_mut()
            .zip(values)
            .for_each(|(all, value)| all.push(value));
    }
    let [a_second, bare_a_second, ratio, server_us, bare_us, client_us] = turns.map(median);
    Ok(Measured {
        a_second,
        bare_a_second,
        ratio,
        server_us,
        bare_us,
        client_us,
    })
}

fn figures_of(what: &str, aim: bool, measured: &Measured) -> Vec<Figure> {
    let figure = |metric: &str, value, unit| Figure::new("read", format!("{what}: {metric}"), value, unit);
    let ratio = figure("ratio to a bare route", measured.ratio, "");
    vec![
        figure("reads", measured.a_second, "reads/s"),
        figure("bare axum route", measured.bare_a_second, "reads/s"),
        if aim { ratio.at_least(0.7) } else { ratio },
        figure("processor time, server", measured.server_us, "us/read"),
        figure("processor time, bare route", measured.bare_us, "us/read"),
        figure("processor time, client", measured.client_us, "us/read"),
    ]
}

/// Sells orders, all of the mix; their ids.
fn sell(address: SocketAddr, orders: u64, progress: &mut dyn FnMut(&str)) -> Result<Vec<String>, String> {
    let (mut mix, mut orders) = (Mix::default(), Orders::new(orders, Ids::TimeOrdered));
    let mut ids = Vec::new();
    mix.prelude();
    stream(address, &mix)?;
    mix.clear();
    let mut more = true;
    while more {
        // Several of the mix's epochs a request.
        for _ in 0..40 {
            more = more && orders.epoch(&mut mix);
        }
        progress(&format!("{} orders sold", ids.len()));
        let mut placed = Mix::default();
        std::mem::swap(&mut placed, &mut mix);
        for record in placed.epochs().flatten() {
            let is_order = record
                .value
                .is_some_and(|value| value.starts_with(b"{\"type\":\"order_placed\""));
            if let Some(key) = record.key.filter(|_| is_order) {
                ids.push(String::from_utf8_lossy(key).into_owned());
            }
        }
        stream(address, &placed)?;
    }
    Ok(ids)
}

pub(crate) fn run(settings: &Settings, progress: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, String> {
    if let Some(bytes) = settings.bare {
        serve_bare(bytes)?;
        return block_on(pending());
    }
    let directory = Scratch::new()?;
    let server = Serving::millrace(directory.path())?;
    let ids = Rc::new(sell(
        server.address(),
        settings.orders.unwrap_or(ORDERS),
        progress,
    )?);
    let any = |number: usize, among: usize| {
        let random = Random(number as u64).next() % among as u64;
        usize::try_from(random).unwrap_or(0)
    };
    let get = |path: String| request("GET", &path, "", b"");
    let (late, all) = (Rc::clone(&ids), Rc::clone(&ids));
    let reads: [(&str, bool, Make); 3] = [
        (
            "GET /v1/stock/{sku}",
            true,
            Rc::new(move |number| get(format!("/v1/stock/sku-{:06}", any(number, PRODUCTS)))),
        ),
        (
            "GET /v1/orders/{id}, of the last 10,000",
            true,
            Rc::new(move |number| {
                let back = any(number, LATE.min(late.len()));
                get(format!("/v1/orders/{}", late[late.len() - 1 - back]))
            }),
        ),
        (
            "GET /v1/orders/{id}, of all",
            false,
            Rc::new(move |number| get(format!("/v1/orders/{}", all[any(number, all.len())]))),
        ),
    ];
    let mut figures = Vec::new();
    for (what, aim, make) in reads {
        progress(what);
        figures.extend(figures_of(what, aim, &compare(&directory, &server, &make)?));
    }
    Ok(figures)
}
