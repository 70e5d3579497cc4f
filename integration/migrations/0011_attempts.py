from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0010_encrypt_facts")]

    operations = [
        migrations.CreateModel(
            name="Attempts",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=20, verbose_name="что")),
                ("address_hash", models.CharField(max_length=64, verbose_name="с адреса (хеш)")),
                ("count", models.PositiveIntegerField(default=1, verbose_name="попыток")),
                ("until", models.DateTimeField(verbose_name="считаются до")),
            ],
            options={
                "verbose_name": "попытки с адреса",
                "verbose_name_plural": "попытки с адресов",
                "indexes": [models.Index(fields=["until"], name="attempts_until")],
                "constraints": [models.UniqueConstraint(fields=("name", "address_hash"), name="attempts_once")],
            },
        )
    ]
