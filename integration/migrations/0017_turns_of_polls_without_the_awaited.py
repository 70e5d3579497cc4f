from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0016_encrypt_traces"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="reportcursor",
            name="report_cursor_next",
        ),
        migrations.AddIndex(
            model_name="reportcursor",
            index=models.Index(
                condition=models.Q(("kind", "awaited"), _negated=True), fields=["next_at"], name="report_cursor_due"
            ),
        ),
    ]
