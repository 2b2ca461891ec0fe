ALTER TABLE "credentials" ADD COLUMN "shown" text;--> statement-breakpoint
ALTER TABLE "credentials" ADD COLUMN "used_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "credentials_owner" ON "credentials" USING btree ("owner");