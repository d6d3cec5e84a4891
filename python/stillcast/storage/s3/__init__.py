"""An S3 bucket as the store: boto3 says where it is and who we are, puts go over connections of our own."""

from stillcast.storage.s3.limits import Limits
from stillcast.storage.s3.store import S3Store

__all__ = ["Limits", "S3Store"]
