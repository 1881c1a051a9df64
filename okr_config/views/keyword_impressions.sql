-- Search Console's queries that are one of our target keywords, whatever their case and outer spaces.
SELECT s.day AS day, k.keyword AS keyword, s.impressions AS impressions
FROM search_queries AS s
JOIN files_keywords AS k ON LOWER(TRIM(s.query)) = LOWER(TRIM(k.keyword))
