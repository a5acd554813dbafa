"""One event source mapping: fetch, filter, batch, envelope, dispatch, judge, settle."""
