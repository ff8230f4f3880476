//! Objects of checkpoints, with kill points around whatever is written or removed.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::pass;

/// The objects.
#[derive(Debug)]
pub struct Objects(pub Arc<dyn ObjectStore>);

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether it is a part or the manifest.
fn step(location: &Path) -> &'static str {
    if location.filename() == Some("manifest") {
        "manifest"
    } else {
        "part"
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, how: PutOptions) -> Result<PutResult> {
        pass("checkpoint", step(location), "before");
        let done = self.0.put_opts(location, payload, how).await;
        pass("checkpoint", step(location), "after");
        done
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, how).await
    }

    async fn get_opts(&self, location: &Path, how: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, how).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let objects = Arc::clone(&self.0);
        let remove = move |location: Result<Path>| {
            let objects = Arc::clone(&objects);
            async move {
                let location = location?;
                pass("checkpoint", "remove", "before");
                let done = objects.delete(&location).await;
                pass("checkpoint", "remove", "after");
                done.map(|()| location)
            }
        };
        locations.then(remove).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, how).await
    }
}
