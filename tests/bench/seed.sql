-- Rows as of a hub that has been at work for a month. `size` says how many; `share` has the partner of every 180th row,
-- the first one in nine of ten. Ids are given, so that a row is found from another's number.
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
CREATE TEMP TABLE dropped AS
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE tablename IN ('lead', 'call', 'contact', 'journal', 'submission') AND indexname LIKE 'ix\_%';
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT dropped.name FROM dropped LOOP EXECUTE 'DROP INDEX ' || name; END LOOP;
END $$;

INSERT INTO submission (id, partner_id, key_id, api, route, request_id, fingerprint, weight, held_until, state, status,
                        refused, created_rows, known_rows, refused_rows, reasons, duration_ms, created_at)
SELECT n, partner_id, 'key', api, 'POST /', md5('request ' || n), '', 2, now(),
       CASE bad WHEN 0 THEN 'refused' ELSE 'done' END, CASE bad WHEN 0 THEN 422 ELSE 202 END, bad = 0,
       CASE bad WHEN 0 THEN 0 ELSE 2 END, 0, CASE bad WHEN 0 THEN 2 ELSE 0 END,
       CASE bad WHEN 0 THEN jsonb '[{"row": 0, "reason": "invalid_phone"}]' END, 40,
       now() - (submissions - n) * interval '30 days' / submissions
FROM size, generate_series(1, submissions) AS n, LATERAL (SELECT n % 19 AS bad) AS kind, share
WHERE place = n % 180;

ANALYZE submission;
INSERT INTO request_count (partner_id, hour, status_class, requests, created_rows, known_rows, refused_rows)
SELECT partner_id, date_trunc('hour', created_at), status / 100, count(*), sum(created_rows), 0, sum(refused_rows)
FROM submission WHERE created_at < date_trunc('hour', now()) - interval '1 hour' GROUP BY 1, 2, 3;
UPDATE requests_counted SET until = date_trunc('hour', now()) - interval '1 hour';

-- Each request that was not refused brought some; of a hundred leads five are calling, eight are scheduled.
INSERT INTO lead (id, partner_id, api, campaign_id, submission_id, row_index, dedupe_key, phone_hash, state, outcome,
                  attempts, dial_at, started, zones, created_at, updated_at)
SELECT n, partner_id, submission.api, campaign_of.campaign_id, submission.id, 0, sha256(('key ' || n)::bytea),
       sha256(('phone ' || n)::bytea),
       CASE WHEN part < 5 THEN 'calling' WHEN part < 13 THEN 'scheduled' ELSE 'done' END,
       CASE WHEN part >= 13 THEN 'busy' END, CASE WHEN part < 13 THEN 0 ELSE 1 END,
       submission.created_at + CASE WHEN part < 13 THEN interval '40 days' ELSE interval '1 hour' END, true,
       '{Europe/London}', submission.created_at, submission.created_at
FROM size, generate_series(1, leads) AS n,
     LATERAL (SELECT (n - 1)::bigint * (submissions / 19 * 18) / leads AS k, n % 100 AS part) AS which
JOIN LATERAL (SELECT * FROM submission WHERE id = k / 18 * 19 + k % 18 + 1) AS submission ON true
JOIN campaign_of USING (partner_id);

ANALYZE lead;
INSERT INTO call (id, lead_id, partner_id, dialer_id, attempt, state, phone_hash, due_at, closes_at, placed_at, token,
                  leases, leased_at, lease_until, ended_at, outcome)
SELECT lead.id + again * (SELECT leads FROM size), lead.id, partner_id, dialer_id, 1 + again,
       CASE WHEN done THEN 'ended' WHEN lead.id % 10 = 3 THEN 'leased' ELSE 'ready' END, phone_hash, lead.created_at,
       now() + interval '1 day', lead.created_at, done::int, done::int, CASE WHEN done THEN lead.created_at END,
       CASE WHEN NOT done AND lead.id % 10 = 3 THEN now() + interval '1 minute' END,
       CASE WHEN done THEN lead.created_at + interval '5 minutes' END, outcome
FROM lead JOIN campaign_of USING (partner_id), LATERAL (SELECT lead.state = 'done' AS done) AS kind,
     generate_series(0, CASE WHEN lead.id % 100 >= 92 THEN 1 ELSE 0 END) AS again
WHERE lead.state <> 'scheduled';

INSERT INTO journal (created_at, lead_id, what, actor, dialer_id, submission_id)
SELECT lead.created_at + number * interval '1 minute', lead.id, what, 'hub', dialer_id, submission_id
FROM lead JOIN campaign_of USING (partner_id),
     unnest('{lead.created,call.placed,call.leased,call.ended,lead.done}'::text[])
         WITH ORDINALITY AS kind (what, number);

INSERT INTO event (id, public_id, partner_id, type, lead_id, created_at)
SELECT id, 'evt_' || id, partner_id, 'lead.processed', id, created_at + interval '6 minutes'
FROM lead WHERE id % 10 IN (0, 3, 7);
ANALYZE event;
INSERT INTO delivery (id, event_id, endpoint_id, state, attempts, next_at, created_at)
SELECT event.id + leads, event.id, ids[1 + event.id % cardinality(ids)],
       CASE WHEN event.id % 97 = 0 THEN 'pending' WHEN event.id % 41 = 0 THEN 'failed' ELSE 'delivered' END, 1,
       CASE WHEN event.id % 97 = 0 THEN now() + interval '1 hour' END, created_at
FROM size, event JOIN (SELECT partner_id, array_agg(id) AS ids FROM endpoint GROUP BY 1) AS mine USING (partner_id);
ANALYZE delivery;
INSERT INTO delivery_attempt (delivery_id, number, status, duration_ms, address, created_at)
SELECT id, 1, CASE state WHEN 'delivered' THEN 204 ELSE 500 END, 120, '192.0.2.1', created_at FROM delivery;

INSERT INTO discount (id, public_id, partner_id, product_id, sandbox, state, why, mail_state, mails_sent, created_at)
SELECT n, 'dr_' || md5('discount ' || n), product.partner_id, product.id, false,
       CASE n % 1000 WHEN 0 THEN 'failed' ELSE 'sent' END, CASE n % 1000 WHEN 0 THEN 'the mail server refused it' END,
       CASE n % 1000 WHEN 0 THEN 'doubtful' ELSE 'sent' END, 1,
       now() - (discounts - n) * interval '30 days' / discounts
FROM size, generate_series(1, discounts) AS n, (SELECT * FROM product ORDER BY id LIMIT 1) AS product;
ANALYZE discount;
INSERT INTO coupon (discount_id, code, slug, package, price_cents, starts_on, ends_on, max_uses, state)
SELECT id, 'C' || id, 'book', 'book', 900, created_at, created_at + interval '30 days', 1, 'made' FROM discount;
INSERT INTO journal (created_at, discount_id, what, actor)
SELECT created_at, id, what, 'hub' FROM discount, unnest('{discount.requested,coupon.made,mail.sent}'::text[]) AS what;

INSERT INTO audit (created_at, actor, action, subject_id, partner_id, details)
SELECT now() - (changes - n) * interval '30 days' / changes,
       CASE n % 97 WHEN 0 THEN 'partner:account 7' ELSE 'operator:account 1' END, 'endpoint.set', '1', partner_id, '{}'
FROM size, generate_series(1, changes) AS n JOIN share ON place = n % 180;
INSERT INTO suppression (phone_hash, reason) SELECT sha256(('not ' || n)::bytea), 'asked for it'
FROM size, generate_series(1, suppressed) AS n;

SELECT setval(pg_get_serial_sequence(name, 'id'), 3000000)
FROM unnest('{submission,lead,call,event,delivery,discount}'::text[]) AS name;
