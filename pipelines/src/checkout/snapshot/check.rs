//! Whether what was read fits together: every number that one list says of another is there.

use super::Damaged;
use super::lists::{Gathered, Kind};
use super::orders::Reach;
use crate::checkout::facts::{Offer, Owner};

fn ensure(holds: bool, kind: Kind, what: &str) -> Result<(), Damaged> {
    if holds {
        Ok(())
    } else {
        Err(Damaged::new(kind.name(), what))
    }
}

impl Gathered {
    /// Checks that what lists say of each other is there.
    pub(super) fn check(&self) -> Result<(), Damaged> {
        let accounts = self.accounts.len();
        let (products, campaigns) = (self.products.len(), self.campaigns.len());
        let (grants, wallets, customers) = (self.grants.len(), self.wallets.len(), self.customers.len());
        let (orders, texts) = (self.orders.slots_of.prints.len(), self.texts.len());
        let below = |number: u32, len: usize| (number as usize) < len;
        let maybe = |number: Option<u32>, len: usize| number.is_none_or(|number| below(number, len));
        let strange = "it refers to what is not there";
        let Reach {
            rules,
            products: of_products,
            accounts: of_accounts,
            grants: of_grants,
            wallets: of_wallets,
            customers: of_customers,
            texts: of_texts,
        } = self.orders.reach;
        let reached = rules <= self.rules.len() && of_products <= products && of_accounts <= accounts;
        let reached = reached && of_grants <= grants && of_wallets <= wallets;
        let reached = reached && of_customers <= customers && of_texts <= texts;
        ensure(reached, Kind::Orders, strange)?;
        ensure(!self.rules.is_empty(), Kind::Rules, "no rules are in force")?;
        ensure(self.moment.len() == 1, Kind::Moment, "it has one entry")?;
        ensure(
            self.owners.len() == accounts,
            Kind::Owners,
            "every account has an owner",
        )?;
        ensure(self.skus.len() == products, Kind::Skus, "every product has one")?;
        ensure(
            self.campaign_ids.len() == campaigns,
            Kind::CampaignIds,
            "every campaign has one",
        )?;
        let owns = |owner: &Owner| match *owner {
            Owner::Stock(number) => below(number, products),
            Owner::Quota(number) => below(number, campaigns),
            Owner::Right(number) => below(number, grants),
            Owner::Wallet(number) => below(number, wallets),
        };
        ensure(self.owners.iter().all(owns), Kind::Owners, strange)?;
        let fits = self.products.iter().all(|product| {
            let named = |offer: Offer| maybe(offer.store, texts) && maybe(offer.category, texts);
            maybe(product.stock.map(|stock| stock.0), accounts) && product.offer.is_none_or(named)
        });
        ensure(fits, Kind::Products, strange)?;
        let fits = self
            .campaigns
            .iter()
            .all(|campaign| below(campaign.account.0, accounts));
        ensure(fits, Kind::Campaigns, strange)?;
        let fits = self.grants.iter().all(|grant| {
            let of = below(grant.campaign, campaigns) && below(grant.customer, customers);
            of && below(grant.account.0, accounts)
                && maybe(grant.holder, orders)
                && grant.holder == grant.shown
        });
        ensure(fits, Kind::Grants, strange)?;
        let fits = self
            .wallets
            .iter()
            .all(|wallet| below(wallet.customer, customers) && below(wallet.account.0, accounts));
        ensure(fits, Kind::Wallets, strange)?;
        ensure(self.audit_stock.len() <= products, Kind::AuditStock, strange)?;
        ensure(self.audit_live.len() <= accounts, Kind::AuditLive, strange)?;
        ensure(self.audit_granted.len() <= campaigns, Kind::AuditGranted, strange)?;
        ensure(self.audit_wallets.len() <= wallets, Kind::AuditWallets, strange)
    }
}
