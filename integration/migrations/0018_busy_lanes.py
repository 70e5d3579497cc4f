from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0017_turns_of_polls_without_the_awaited"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="lane",
            index=models.Index(
                condition=models.Q(("lease_until__isnull", False), ("rung_at__isnull", False), _connector="OR"),
                fields=["name"],
                name="lane_busy",
            ),
        ),
    ]
