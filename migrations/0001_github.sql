ALTER TABLE "cards" ADD COLUMN "sent_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cards" ADD COLUMN "paced_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "ack" text;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "concluded_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "deliveries" ADD COLUMN "reply" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "topic" text;--> statement-breakpoint
CREATE INDEX "deliveries_unconcluded" ON "deliveries" USING btree ("source","seq") WHERE "deliveries"."answered_at" is not null and "deliveries"."answer" is not null and "deliveries"."concluded_at" is null;--> statement-breakpoint
CREATE INDEX "deliveries_replies" ON "deliveries" USING btree ("thread","seq") WHERE "deliveries"."reply" is not null;--> statement-breakpoint
CREATE INDEX "deliveries_recent" ON "deliveries" USING btree ("source","received_at");--> statement-breakpoint
CREATE INDEX "workspaces_topic" ON "workspaces" USING btree ("topic") WHERE "workspaces"."topic" is not null;