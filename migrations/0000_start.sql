CREATE TABLE "browser_sessions" (
	"hash" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"workspaces" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "cards" (
	"front" text NOT NULL,
	"thread" text NOT NULL,
	"subject" text NOT NULL,
	"kind" text DEFAULT 'card' NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "cards_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"external_id" text,
	"sent_for" text,
	"want_version" integer DEFAULT 1 NOT NULL,
	"sent_version" integer DEFAULT 0 NOT NULL,
	"sent_hash" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"sent_at" timestamp (3) with time zone,
	"paced_until" timestamp (3) with time zone,
	"reposts" integer DEFAULT 0 NOT NULL,
	"last_error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cards_front_thread_subject_kind_pk" PRIMARY KEY("front","thread","subject","kind")
);
--> statement-breakpoint
CREATE TABLE "channels" (
	"front" text NOT NULL,
	"channel" text NOT NULL,
	"repository" text NOT NULL,
	"ref" text,
	"set_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "channels_front_channel_pk" PRIMARY KEY("front","channel")
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "commands_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" text,
	"seq" integer NOT NULL,
	"actor" text NOT NULL,
	"front" text NOT NULL,
	"verb" text NOT NULL,
	"line" text NOT NULL,
	"desired" text,
	"status" text NOT NULL,
	"gen" integer NOT NULL,
	"error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"owner" text NOT NULL,
	"key_id" text NOT NULL,
	"ciphertext" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"source" text NOT NULL,
	"delivery_id" text NOT NULL,
	"body_hash" text,
	"thread" text NOT NULL,
	"event" text NOT NULL,
	"payload" jsonb,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "deliveries_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"command_id" bigint,
	"answer" jsonb,
	"answered_at" timestamp (3) with time zone,
	"ack" text,
	"concluded_at" timestamp (3) with time zone,
	"reply" text,
	CONSTRAINT "deliveries_source_delivery_id_pk" PRIMARY KEY("source","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"entity" text NOT NULL,
	"gen" integer NOT NULL,
	"type" text NOT NULL,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "identities" (
	"source" text NOT NULL,
	"external_id" text NOT NULL,
	"user_id" text NOT NULL,
	"login" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "identities_source_external_id_pk" PRIMARY KEY("source","external_id")
);
--> statement-breakpoint
CREATE TABLE "logs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "logs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"step" text NOT NULL,
	"text" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "nodes" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"owner" text NOT NULL,
	"provider" text NOT NULL,
	"size" text NOT NULL,
	"phase" text NOT NULL,
	"desired" text NOT NULL,
	"phase_since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"gen" integer DEFAULT 1 NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now(),
	"last_error" jsonb,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"create_sent_at" timestamp (3) with time zone,
	"provider_id" text,
	"address" text,
	"host" text,
	"point_sent_at" timestamp (3) with time zone,
	"boot_failure" jsonb,
	"observed_at" timestamp (3) with time zone,
	"ready_at" timestamp (3) with time zone,
	"last_heard_at" timestamp (3) with time zone,
	"idle_since" timestamp (3) with time zone,
	"is_apart" boolean DEFAULT false NOT NULL,
	"agent_version" text,
	"agent_key" text,
	"terminal_port" integer,
	"load" jsonb,
	CONSTRAINT "nodes_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "orphans" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"why" text NOT NULL,
	"address" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"wish" text,
	"wished_by" text,
	"last_error" text
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "slack_homes" (
	"team" text NOT NULL,
	"person" text NOT NULL,
	"home" text NOT NULL,
	"opened_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"sent_state" text,
	"next_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	CONSTRAINT "slack_homes_team_person_pk" PRIMARY KEY("team","person")
);
--> statement-breakpoint
CREATE TABLE "sweeps" (
	"name" text PRIMARY KEY NOT NULL,
	"last_run_at" timestamp (3) with time zone,
	"last_success_at" timestamp (3) with time zone,
	"last_error" text,
	"duration_ms" double precision,
	"lease_until" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "tidings" (
	"workspace_id" text NOT NULL,
	"about" text NOT NULL,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"told_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tidings_workspace_id_about_pk" PRIMARY KEY("workspace_id","about")
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"subject" text NOT NULL,
	"user_id" text,
	"access" integer,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" text PRIMARY KEY NOT NULL,
	"key" text NOT NULL,
	"owner" text NOT NULL,
	"name" text NOT NULL,
	"repository" text NOT NULL,
	"ref" text,
	"is_private" boolean,
	"commit" text,
	"fork" jsonb,
	"topic" text,
	"size" text NOT NULL,
	"phase" text NOT NULL,
	"step" text,
	"desired" text NOT NULL,
	"phase_since" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"gen" integer DEFAULT 1 NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp (3) with time zone DEFAULT now(),
	"last_error" jsonb,
	"lease_token" text,
	"lease_until" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"node_id" text,
	"run" integer DEFAULT 1 NOT NULL,
	"access" integer DEFAULT 1 NOT NULL,
	"force" boolean DEFAULT false NOT NULL,
	"desired_before" text,
	"is_automatic" boolean DEFAULT false NOT NULL,
	"reported" jsonb,
	"reported_at" timestamp (3) with time zone,
	"last_activity_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"kept_until" timestamp (3) with time zone,
	"idle_time_ms" bigint,
	"running_at" timestamp (3) with time zone,
	"warned_for" timestamp (3) with time zone,
	"delete_at" timestamp (3) with time zone,
	"notice" text
);
--> statement-breakpoint
ALTER TABLE "browser_sessions" ADD CONSTRAINT "browser_sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "channels" ADD CONSTRAINT "channels_set_by_users_id_fk" FOREIGN KEY ("set_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "commands" ADD CONSTRAINT "commands_actor_users_id_fk" FOREIGN KEY ("actor") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identities" ADD CONSTRAINT "identities_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "nodes" ADD CONSTRAINT "nodes_owner_users_id_fk" FOREIGN KEY ("owner") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orphans" ADD CONSTRAINT "orphans_wished_by_users_id_fk" FOREIGN KEY ("wished_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tidings" ADD CONSTRAINT "tidings_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tokens" ADD CONSTRAINT "tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_owner_users_id_fk" FOREIGN KEY ("owner") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "public"."nodes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "browser_sessions_user" ON "browser_sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "cards_subject" ON "cards" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "cards_due" ON "cards" USING btree ("next_at") WHERE "cards"."want_version" <> "cards"."sent_version";--> statement-breakpoint
CREATE UNIQUE INDEX "commands_seq" ON "commands" USING btree ("workspace_id","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "deliveries_body" ON "deliveries" USING btree ("source","body_hash") WHERE "deliveries"."body_hash" is not null;--> statement-breakpoint
CREATE INDEX "deliveries_open" ON "deliveries" USING btree ("thread","seq") WHERE "deliveries"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "deliveries_unanswered" ON "deliveries" USING btree ("source","seq") WHERE "deliveries"."ended_at" is not null and "deliveries"."answered_at" is null;--> statement-breakpoint
CREATE INDEX "deliveries_unconcluded" ON "deliveries" USING btree ("source","seq") WHERE "deliveries"."answered_at" is not null and "deliveries"."answer" is not null and "deliveries"."concluded_at" is null;--> statement-breakpoint
CREATE INDEX "deliveries_replies" ON "deliveries" USING btree ("thread","seq") WHERE "deliveries"."reply" is not null;--> statement-breakpoint
CREATE INDEX "deliveries_recent" ON "deliveries" USING btree ("source","received_at");--> statement-breakpoint
CREATE INDEX "events_entity" ON "events" USING btree ("entity","id");--> statement-breakpoint
CREATE INDEX "identities_user_id_index" ON "identities" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "logs_workspace" ON "logs" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "nodes_due" ON "nodes" USING btree ("next_at") WHERE "nodes"."next_at" is not null;--> statement-breakpoint
CREATE INDEX "nodes_owner" ON "nodes" USING btree ("owner") WHERE "nodes"."phase" <> 'deleted';--> statement-breakpoint
CREATE INDEX "slack_homes_opened_at_index" ON "slack_homes" USING btree ("opened_at");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_key" ON "workspaces" USING btree ("key") WHERE "workspaces"."desired" <> 'deleted';--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_name" ON "workspaces" USING btree ("owner","name") WHERE "workspaces"."desired" <> 'deleted';--> statement-breakpoint
CREATE INDEX "workspaces_due" ON "workspaces" USING btree ("next_at") WHERE "workspaces"."next_at" is not null;--> statement-breakpoint
CREATE INDEX "workspaces_node" ON "workspaces" USING btree ("node_id");--> statement-breakpoint
CREATE INDEX "workspaces_owner" ON "workspaces" USING btree ("owner") WHERE "workspaces"."phase" <> 'deleted';--> statement-breakpoint
CREATE INDEX "workspaces_topic" ON "workspaces" USING btree ("topic") WHERE "workspaces"."topic" is not null;