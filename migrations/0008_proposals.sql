CREATE TABLE "proposals" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" text NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "proposals_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"actor" text NOT NULL,
	"front" text NOT NULL,
	"thread" text NOT NULL,
	"cause" text NOT NULL,
	"branch" text NOT NULL,
	"base" text,
	"title" text,
	"agent" text,
	"state" text DEFAULT 'pushing' NOT NULL,
	"since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"commit" text,
	"url" text,
	"number" integer,
	"failure" jsonb,
	"ended_at" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"next_at" timestamp (3) with time zone DEFAULT now(),
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "task_turns" ADD COLUMN "proposes" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "task_turns" ADD COLUMN "budget" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "task_turns" ADD COLUMN "spent_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "task_turns" ADD COLUMN "overspent" jsonb;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "cost_micros" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "tasks" ADD COLUMN "is_stuck" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "proposals" ADD CONSTRAINT "proposals_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "proposals" ADD CONSTRAINT "proposals_actor_users_id_fk" FOREIGN KEY ("actor") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "proposals_seq" ON "proposals" USING btree ("seq");--> statement-breakpoint
CREATE UNIQUE INDEX "proposals_cause" ON "proposals" USING btree ("front","cause");--> statement-breakpoint
CREATE INDEX "proposals_workspace" ON "proposals" USING btree ("workspace_id","seq");--> statement-breakpoint
CREATE INDEX "proposals_branch" ON "proposals" USING btree ("branch");--> statement-breakpoint
CREATE INDEX "proposals_due" ON "proposals" USING btree ("next_at") WHERE "proposals"."next_at" is not null;