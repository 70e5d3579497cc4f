from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0018_busy_lanes"),
    ]

    operations = [
        migrations.AddField(
            model_name="communication",
            name="first_event",
            field=models.CharField(blank=True, max_length=12),
        ),
    ]
