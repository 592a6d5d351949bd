"""Data sets of xarray, opened by xarray-tensorstore, indexed, read and written."""

import copy
import pickle

import numpy as np
import pandas as pd
import tensorstore as ts
import xarray as xr
import xarray_tensorstore as xt

ds = xr.Dataset(
    {
        "t": (("time", "lat", "lon"), np.arange(5 * 6 * 7.0).reshape(5, 6, 7)),
        "p": (("time", "lat"), np.arange(30, dtype="f4").reshape(5, 6)),
        "s": ((), 3),
    },
    coords={"time": pd.date_range("2000", periods=5), "lat": np.arange(6), "lon": np.arange(7)},
)
LOOKS = {
    "a time": lambda o: o.isel(time=2).t,
    "lists and slices": lambda o: o.isel(lat=[1, 3, 5], lon=slice(None, None, 2)).t,
    "a label": lambda o: o.sel(time="2000-01-03").t,
    "transposed": lambda o: o.t.transpose("lon", "lat", "time").isel(lon=3),
    "points": lambda o: o.isel(lat=xr.DataArray([1, 2], dims="z"), lon=xr.DataArray([3, 4], dims="z")).t,
    "from the end": lambda o: o.isel(time=-1, lat=slice(-3, -1)).t,
    "read": lambda o: xt.read(o).compute().t,
    "mean": lambda o: o.mean().t,
    "backward": lambda o: o.t[::-1],
    "some of both ends": lambda o: o.isel(lat=[-1, 0]).p,
    "copied": lambda o: copy.deepcopy(o).t,
    "twice": lambda o: o.isel(time=slice(1, 3)).isel(time=1).t,
    "more": lambda o: o.t + 1,
    "backward, a part": lambda o: o.t.isel(lat=slice(5, 2, -1)),
    "one": lambda o: o.s,
    "rolling": lambda o: o.rolling(time=2).mean().t[1:],
    "none": lambda o: o.t.isel(lon=[]),
    "together": lambda o: xr.concat([o, o], "q").t,
    "where": lambda o: o.t.where(o.t > 100, drop=True).fillna(0),
    "pickled": lambda o: pickle.loads(pickle.dumps(o.isel(time=1))).t,
    "masked": lambda o: o.t.isel(lat=np.array([True, False] * 3)),
}
pool = ts.Context({"cache_pool": {"total_bytes_limit": 10**6}})
for zarr_format, consolidated, options in (
    (2, True, {"context": pool}),
    (2, False, {"write": True}),
    (3, False, {"consolidated": False}),
):
    path = f"{zarr_format}{consolidated}"
    ds.to_zarr(
        path, zarr_format=zarr_format, consolidated=consolidated, encoding={"t": {"chunks": (2, 3, 4)}}
    )
    print(path, list(options), ds.identical(xt.open_zarr(path, **options).load()))
    o = xt.open_zarr(path, **options)
    for name, look in LOOKS.items():
        seen = look(o)
        print(name, seen.dims, seen.shape, float(seen.sum()))
    if "write" in options:
        o.t[{"time": 0, "lat": 0}] = o.t.isel(time=0, lat=0).values + 1
        print(float(xt.open_zarr(path).t.sum()))
