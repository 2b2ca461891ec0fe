ALTER TABLE "workspaces" ALTER COLUMN "notice" SET DATA TYPE jsonb USING
  CASE WHEN "notice" IS NOT NULL
    THEN jsonb_build_array(jsonb_build_object('code', 'text', 'details', jsonb_build_object('text', "notice")))
  END;
