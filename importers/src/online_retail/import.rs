//! The mapping: invoices in the order of their times, each written into the open epoch.

use std::collections::HashMap;

use contract::log::History;
use contract::time::Time;

use super::epoch::Open;
use super::invoice::{Invoice, Use, gather};
use super::plan::{Plan, month};
use super::records::{Records, product_name};
use super::shop::{Event, Order, OrderLine, Pays, Shop, State};
use super::{Input, Line, Mapped, Options, Report};

/// The contract's limit.
const ORDER_LINES_MAX: usize = 2000;

/// What an import yields.
#[derive(Clone, Debug)]
pub struct Import {
    /// All records, bound to epochs.
    pub log: History,
    /// The account of all lines.
    pub report: Report,
}

/// Maps the lines to a log. `progress` hears after each invoice how many lines are done, and of how many.
///
/// A line of the file is never the reason to stop: what can't be mapped is in the report.
pub fn import(input: &Input, options: &Options, mut progress: impl FnMut(u64, u64)) -> Import {
    let invoices = gather(&input.lines);
    let mut importer = Importer::new(&invoices, options);
    importer.report.read = input.read();
    for (line, reason) in &input.listed {
        importer.report.list(*line, *reason);
    }
    let mut done = input.listed.len() as u64;
    if !invoices.is_empty() {
        importer.records.rules();
    }
    for invoice in &invoices {
        importer.invoice(invoice);
        done += invoice.lines.len() as u64;
        progress(done, importer.report.read);
    }
    importer.finish()
}

/// The state of an import.
pub(super) struct Importer<'a> {
    options: &'a Options,
    plan: Plan<'a>,
    /// Price and name of each product's last upsert.
    products: HashMap<&'a str, (i64, &'a str)>,
    /// The orders of each customer, oldest first; guests have none.
    pub customers: HashMap<&'a str, Vec<usize>>,
    pub shop: Shop<'a>,
    pub open: Open<'a>,
    pub records: Records<'a>,
    pub report: Report,
}

impl<'a> Importer<'a> {
    fn new(invoices: &[Invoice<'a>], options: &'a Options) -> Self {
        Self {
            options,
            plan: Plan::new(invoices),
            products: HashMap::new(),
            customers: HashMap::new(),
            shop: Shop::default(),
            open: Open::default(),
            records: Records::new(options),
            report: Report::default(),
        }
    }

    fn invoice(&mut self, invoice: &Invoice<'a>) {
        if invoice
            .lines
            .iter()
            .any(|(_, used)| !matches!(used, Use::List(_)))
        {
            self.enter_day(invoice);
        }
        for (line, used) in &invoice.lines {
            match used {
                Use::List(reason) => self.report.list(line.number, *reason),
                Use::Adjust => self.adjust(line, invoice.at),
                Use::Sell | Use::Cancel => {}
            }
        }
        if invoice.of_use(Use::Sell).next().is_some() {
            self.sell(invoice);
        }
        if invoice.of_use(Use::Cancel).next().is_some() {
            if invoice
                .customer
                .is_some_and(|customer| self.open.customers.contains(customer))
            {
                self.cut();
            }
            self.cancel(invoice);
        }
    }

    /// Cuts an epoch where a day begins, and receives goods where a month begins.
    fn enter_day(&mut self, invoice: &Invoice<'a>) {
        if self
            .open
            .clock
            .is_some_and(|clock| clock.day() != invoice.at.day())
        {
            self.cut();
        }
        let month = month(invoice.at);
        for (row, due) in self.plan.take(&month, self.options).into_iter().enumerate() {
            self.open.clock = Some(invoice.at);
            self.report.made.short_receipts += u64::from(due.short);
            self.report.made.receipts += self.records.receipts(&month, row, due.sku, due.units);
            self.shop.stock(due.sku, due.units);
        }
    }

    /// Binds what there is to an epoch, and opens the next.
    fn cut(&mut self) {
        self.open
            .bind(&mut self.shop, &mut self.records, &mut self.report.made);
    }

    fn adjust(&mut self, line: &'a Line, at: Time) {
        self.open.clock = Some(at);
        self.records.adjustment(line);
        self.shop.stock(&line.sku, line.quantity);
        self.report.map(Mapped::StockAdjustment);
    }

    /// Writes an invoice's orders, each after the upserts of the prices that it pays.
    fn sell(&mut self, invoice: &Invoice<'a>) {
        let parts = self.parts(invoice);
        self.report.made.split_invoices += u64::from(parts.len() > 1);
        for (part, lines) in parts.into_iter().enumerate() {
            if lines
                .iter()
                .any(|line| self.open.pays.get(&*line.sku).is_some_and(|p| *p != line.price))
            {
                self.cut();
            }
            self.open.clock = Some(invoice.at);
            for line in &lines {
                self.upsert(line);
                self.open.pays.insert(&line.sku, line.price);
                self.report.map(if line.price == 0 {
                    Mapped::GiftLine
                } else {
                    Mapped::OrderLine
                });
            }
            let id = if part == 0 {
                invoice.id.to_owned()
            } else {
                format!("{}.{}", invoice.id, part + 1)
            };
            self.place(id, invoice, &lines);
        }
    }

    /// Splits an invoice so that each part pays one price for a product. What a product costs now comes
    /// first, which saves upserts and epochs.
    fn parts(&self, invoice: &Invoice<'a>) -> Vec<Vec<&'a Line>> {
        let mut prices: HashMap<&str, Vec<i64>> = HashMap::new();
        for line in invoice.of_use(Use::Sell) {
            let prices = prices.entry(&line.sku).or_default();
            if !prices.contains(&line.price) {
                prices.push(line.price);
            }
        }
        for (sku, prices) in &mut prices {
            let now = self.products.get(sku).map(|(price, _)| *price);
            prices.sort_by_key(|price| Some(*price) != now);
        }
        let mut parts: Vec<Vec<&'a Line>> = Vec::new();
        for line in invoice.of_use(Use::Sell) {
            let part = prices[&*line.sku]
                .iter()
                .position(|price| *price == line.price)
                .unwrap_or_default();
            if parts.len() <= part {
                parts.resize_with(part + 1, Vec::new);
            }
            parts[part].push(line);
        }
        parts
            .iter()
            .flat_map(|part| part.chunks(ORDER_LINES_MAX))
            .map(<[_]>::to_vec)
            .collect()
    }

    fn upsert(&mut self, line: &'a Line) {
        let now = (line.price, product_name(line));
        let before = self.products.insert(&line.sku, now);
        if before != Some(now) {
            self.records.product(line);
            self.report.made.price_changes += u64::from(before.is_some_and(|(price, _)| price != line.price));
        }
    }

    fn place(&mut self, id: String, invoice: &Invoice<'a>, lines: &[&'a Line]) {
        let options = self.options;
        let pays = if options.draws(options.unpaid_per_mille, "unpaid", &id) {
            Pays::Never
        } else if options.draws(options.declined_per_mille, "declined", &id) {
            Pays::AfterDecline
        } else {
            Pays::AtOnce
        };
        let lines = lines
            .iter()
            .map(|l| OrderLine {
                sku: &l.sku,
                quantity: l.quantity,
                price: l.price,
                left: l.quantity,
            })
            .collect();
        let customer = invoice
            .customer
            .map_or_else(|| format!("guest-{}", invoice.id), str::to_owned);
        let order = Order {
            id,
            customer,
            lines,
            pays,
            state: State::Placed,
            payable: 0,
            attempts: 0,
            refunds: 0,
            asked: 0,
            refunded: 0,
        };
        let partition = self.records.order(&order, invoice.at);
        let index = self.shop.orders.len();
        self.shop.orders.push(order);
        self.open.event(partition, Event::Place(index));
        if let Some(customer) = invoice.customer {
            self.open.customers.insert(customer);
            self.customers.entry(customer).or_default().push(index);
        }
    }

    fn finish(mut self) -> Import {
        self.cut();
        let (log, mut report) = (self.records.log, self.report);
        report.made.epochs = log.timeline().len() as u64;
        report.made.records = log.len();
        report.made.products = self.products.len() as u64;
        report.made.orders = self.shop.orders.len() as u64;
        for lines in report.listed.values_mut() {
            lines.sort_unstable();
        }
        Import { log, report }
    }
}
