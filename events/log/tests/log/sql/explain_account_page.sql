explain (analyze, buffers, format json)
execute account_page ('small', 50500, 5000, 10, null, null, null, null)
