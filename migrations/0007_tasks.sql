CREATE TABLE "task_events" (
	"task_id" text NOT NULL,
	"seq" integer NOT NULL,
	"turn" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"event" jsonb NOT NULL,
	"stored_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "task_events_task_id_seq_pk" PRIMARY KEY("task_id","seq")
);
--> statement-breakpoint
CREATE TABLE "task_turns" (
	"task_id" text NOT NULL,
	"turn" integer NOT NULL,
	"workspace_id" text NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "task_turns_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"actor" text NOT NULL,
	"source" text NOT NULL,
	"delivery_id" text NOT NULL,
	"prompt" text NOT NULL,
	"policy" jsonb NOT NULL,
	"minutes" integer NOT NULL,
	"desired" text DEFAULT 'done' NOT NULL,
	"state" text DEFAULT 'queued' NOT NULL,
	"since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"progress" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"decisions" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"answer" text,
	"failure" jsonb,
	"changes" jsonb,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"is_closed" boolean DEFAULT false NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now(),
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "task_turns_task_id_turn_pk" PRIMARY KEY("task_id","turn")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"front" text NOT NULL,
	"thread" text NOT NULL,
	"agent" text NOT NULL,
	"seq" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "task_events" ADD CONSTRAINT "task_events_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_turns" ADD CONSTRAINT "task_turns_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_turns" ADD CONSTRAINT "task_turns_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_turns" ADD CONSTRAINT "task_turns_actor_users_id_fk" FOREIGN KEY ("actor") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "task_events_old" ON "task_events" USING btree ("stored_at");--> statement-breakpoint
CREATE UNIQUE INDEX "task_turns_seq" ON "task_turns" USING btree ("seq");--> statement-breakpoint
CREATE UNIQUE INDEX "task_turns_delivery" ON "task_turns" USING btree ("source","delivery_id");--> statement-breakpoint
CREATE INDEX "task_turns_open" ON "task_turns" USING btree ("workspace_id","seq") WHERE "task_turns"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "task_turns_due" ON "task_turns" USING btree ("next_at") WHERE "task_turns"."next_at" is not null;--> statement-breakpoint
CREATE INDEX "task_turns_actor" ON "task_turns" USING btree ("actor","created_at");--> statement-breakpoint
CREATE INDEX "tasks_workspace" ON "tasks" USING btree ("workspace_id");--> statement-breakpoint
CREATE INDEX "tasks_thread" ON "tasks" USING btree ("thread");