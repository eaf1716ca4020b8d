-- A schedule comes back every so many milliseconds, or, where `cron` is set, at the times it names in its zone.
ALTER TABLE job_schedules ADD COLUMN cron TEXT;
ALTER TABLE job_schedules ADD COLUMN time_zone TEXT;
