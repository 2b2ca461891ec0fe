CREATE TABLE "port_sessions" (
	"hash" text PRIMARY KEY NOT NULL,
	"session" text NOT NULL,
	"workspace_id" text NOT NULL,
	"port" integer NOT NULL,
	"state" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ports" (
	"workspace_id" text NOT NULL,
	"port" integer NOT NULL,
	"shared_access" integer,
	"is_closed" boolean DEFAULT false NOT NULL,
	"said_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ports_workspace_id_port_pk" PRIMARY KEY("workspace_id","port")
);
--> statement-breakpoint
ALTER TABLE "port_sessions" ADD CONSTRAINT "port_sessions_session_browser_sessions_hash_fk" FOREIGN KEY ("session") REFERENCES "public"."browser_sessions"("hash") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "port_sessions" ADD CONSTRAINT "port_sessions_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ports" ADD CONSTRAINT "ports_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "port_sessions_session" ON "port_sessions" USING btree ("session");--> statement-breakpoint
CREATE INDEX "port_sessions_workspace" ON "port_sessions" USING btree ("workspace_id");--> statement-breakpoint
CREATE INDEX "port_sessions_expires" ON "port_sessions" USING btree ("expires_at");--> statement-breakpoint
CREATE FUNCTION "tell_port_session_ended"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('sam', 'ports:' || OLD."workspace_id");
	RETURN NULL;
END
$$;--> statement-breakpoint
CREATE TRIGGER "port_sessions_ended" AFTER DELETE ON "port_sessions" FOR EACH ROW EXECUTE FUNCTION "tell_port_session_ended"();
