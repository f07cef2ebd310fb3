-- The flows whose packets stand in more than one part, each as sniffer_timing_cut wants it.
SELECT flow, list(DISTINCT part ORDER BY part) AS parts
FROM part_flows GROUP BY flow HAVING count(DISTINCT part) > 1
ORDER BY flow
