-- The database as version 2 of its tables had it, with a run of two jobs.
CREATE TABLE "job" ("id" INTEGER NOT NULL PRIMARY KEY, "cluster" TEXT NOT NULL, "job_id" INTEGER, "array_id" INTEGER, "task" INTEGER, "tasks" TEXT, "name" TEXT NOT NULL, "user" TEXT NOT NULL, "account" TEXT, "partition" TEXT NOT NULL, "state" TEXT NOT NULL, "reason" TEXT, "nodes" INTEGER NOT NULL, "cpus" INTEGER NOT NULL, "gpus" INTEGER NOT NULL, "memory" INTEGER, "tres" TEXT NOT NULL, "node_list" TEXT NOT NULL, "time_limit" INTEGER, "submit_time" INTEGER, "start_time" INTEGER, "end_time" INTEGER, "exit_code" TEXT, "priority" INTEGER, "dependency" TEXT, "work_dir" TEXT, "stdout" TEXT, "stderr" TEXT, "comment" TEXT, "tag" TEXT, "script" TEXT, "source" TEXT, "attempted_at" REAL, "seen_at" REAL NOT NULL, "gone_at" REAL);
CREATE UNIQUE INDEX "jobrow_tag" ON "job" ("tag");
CREATE UNIQUE INDEX "jobrow_cluster_job_id" ON "job" ("cluster", "job_id");
CREATE INDEX "jobrow_cluster_state" ON "job" ("cluster", "state");
CREATE INDEX "jobrow_cluster_end_time" ON "job" ("cluster", "end_time");
CREATE TABLE "run" ("id" TEXT NOT NULL PRIMARY KEY, "cluster" TEXT NOT NULL, "workflow_name" TEXT NOT NULL, "mount" TEXT, "yaml" TEXT NOT NULL, "args" TEXT NOT NULL, "part" TEXT NOT NULL, "status" TEXT NOT NULL, "started_at" REAL NOT NULL, "completed_at" REAL, "cancel_requested_at" REAL, "error" TEXT, "source" TEXT NOT NULL, "triggered_by" TEXT NOT NULL, "parent" TEXT);
CREATE INDEX "run_cluster_status" ON "run" ("cluster", "status");
CREATE INDEX "run_workflow_name_started_at" ON "run" ("workflow_name", "started_at");
CREATE INDEX "run_started_at" ON "run" ("started_at");
CREATE TABLE "run_job" ("id" INTEGER NOT NULL PRIMARY KEY, "run_id" TEXT NOT NULL, "name" TEXT NOT NULL, "position" INTEGER NOT NULL, "tag" TEXT, "depends_on" TEXT NOT NULL, "resources" TEXT NOT NULL, "folders" TEXT NOT NULL, "work_dir" TEXT, "retry" INTEGER NOT NULL, "attempts" INTEGER NOT NULL, "job_id" INTEGER, "state" TEXT NOT NULL, "reason" TEXT, "is_lost" INTEGER NOT NULL, "is_unreached" INTEGER NOT NULL, "node_list" TEXT NOT NULL, "submit_time" INTEGER, "start_time" INTEGER, "end_time" INTEGER, "exit_code" TEXT, "carried_from" TEXT, FOREIGN KEY ("run_id") REFERENCES "run" ("id") ON DELETE CASCADE);
CREATE INDEX "runjob_run_id" ON "run_job" ("run_id");
CREATE UNIQUE INDEX "runjob_tag" ON "run_job" ("tag");
CREATE UNIQUE INDEX "runjob_run_id_name" ON "run_job" ("run_id", "name");
CREATE INDEX "runjob_run_id_position" ON "run_job" ("run_id", "position");
CREATE INDEX "runjob_job_id" ON "run_job" ("job_id");
INSERT INTO "run" VALUES ('r1', 'embedded', 'flow', NULL, 'jobs: []', '{}', '{}', 'running', 1.0, NULL, NULL, NULL, 'web', 'web', NULL);
INSERT INTO "run_job" ("run_id", "name", "position", "depends_on", "resources", "folders", "retry", "attempts", "state", "is_lost", "is_unreached", "node_list")
VALUES ('r1', 'a', 0, '[]', '{}', '[]', 0, 0, 'COMPLETED', 0, 0, ''), ('r1', 'b', 1, '[]', '{}', '[]', 0, 0, 'PENDING', 0, 0, '');
PRAGMA user_version = 2;
