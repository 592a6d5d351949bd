"""cloud-volume in a process of its own, since it patches what it finds: ``cloudvolume_worker.py < jobs``.

Jobs are a JSON list of `read` (save as FILE what it reads of a FOLDER) and `write` (make a volume of the
document INFO in FOLDER and write what FILE holds).
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np


def done(job: dict[str, Any]) -> None:
    from cloudvolume import CloudVolume

    url = f"precomputed://file://{job['folder']}"
    options = {"fill_missing": True, "progress": False, "cache": False, "parallel": 1, "compress": False}
    if job["do"] == "read":
        volume = CloudVolume(url, mip=0, **options)
        np.save(job["file"], np.asarray(volume[:, :, :]))
    else:
        volume = CloudVolume(url, info=job["info"], **options)
        volume.commit_info()
        volume[:, :, :] = np.load(job["file"])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in json.load(sys.stdin):
        done(each)
