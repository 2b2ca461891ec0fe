CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"actor" text NOT NULL,
	"front" text NOT NULL,
	"place" text,
	"action" text NOT NULL,
	"target" text NOT NULL,
	"workspace_id" text,
	"by_right" text NOT NULL,
	"result" text NOT NULL,
	"keep_until" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "limits" (
	"holder" text NOT NULL,
	"subject" text NOT NULL,
	"kind" text NOT NULL,
	"most" integer,
	"set_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "limits_holder_subject_kind_pk" PRIMARY KEY("holder","subject","kind")
);
--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "channel" text;--> statement-breakpoint
ALTER TABLE "limits" ADD CONSTRAINT "limits_set_by_users_id_fk" FOREIGN KEY ("set_by") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_actor" ON "audit" USING btree ("actor","id");--> statement-breakpoint
CREATE INDEX "audit_workspace" ON "audit" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE INDEX "audit_over" ON "audit" USING btree ("keep_until");--> statement-breakpoint
CREATE INDEX "workspaces_channel" ON "workspaces" USING btree ("channel") WHERE "workspaces"."channel" is not null;--> statement-breakpoint
-- By hand from here on. Both times are the database's own: nobody dates a row back, or lets it go earlier than the rest.
CREATE FUNCTION "audit_stamp"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	"kept_ms" bigint := coalesce((SELECT "value"::bigint FROM "settings" WHERE "name" = 'audit-keep-ms'), 31536000000);
BEGIN
	NEW."at" := clock_timestamp();
	NEW."keep_until" := CASE WHEN "kept_ms" = 0 THEN 'infinity'::timestamptz ELSE NEW."at" + "kept_ms" * interval '1 millisecond' END;
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE FUNCTION "audit_refuse"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' AND OLD."keep_until" <= clock_timestamp() THEN RETURN OLD; END IF;
	RAISE EXCEPTION 'audit: % is refused: rows are never changed, and each is kept until its keep_until', TG_OP
		USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER "audit_stamp" BEFORE INSERT ON "audit" FOR EACH ROW EXECUTE FUNCTION "audit_stamp"();
--> statement-breakpoint
CREATE TRIGGER "audit_refuse" BEFORE UPDATE OR DELETE ON "audit" FOR EACH ROW EXECUTE FUNCTION "audit_refuse"();
--> statement-breakpoint
CREATE TRIGGER "audit_refuse_all" BEFORE TRUNCATE ON "audit" FOR EACH STATEMENT EXECUTE FUNCTION "audit_refuse"();
