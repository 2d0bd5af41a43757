explain (analyze, buffers, format json)
execute stream_page ('small', 'task', 'one', 50500, 5000, 10, null, null, null, null)
